import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { z } from 'zod';
import { loadDistro } from '../../distro/registry.ts';
import { packageList, source, type PackageFile } from '../../distro/types.ts';
import { blobPath } from '../../run/store.ts';
import { defineStep, type Blob, type StepContext } from '../types.ts';
import { download } from './download.ts';

const params = z.strictObject({ distro: source.distro });
type Params = z.infer<typeof params>;

const PARALLEL = 6;

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Downloads what the store lacks; each file is kept as soon as it is verified. */
async function fetchAll(context: StepContext<Params>, files: PackageFile[]): Promise<Record<string, Blob>> {
  const set: Record<string, Blob> = {};
  const missing: PackageFile[] = [];
  for (const file of files) {
    if (await context.has(file.sha256, file.size)) set[file.file] = { digest: file.sha256, size: file.size };
    else missing.push(file);
  }
  const total = missing.reduce((sum, file) => sum + file.size, 0);
  context.log(`${files.length} packages, ${missing.length} to download (${megabytes(total)})`);
  await mkdir(join(context.work, 'files'));
  let received = 0;
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const limit = pLimit(PARALLEL);
  const jobs = missing.map((file) =>
    limit(async () => {
      signal.throwIfAborted();
      const path = join('files', file.file);
      await download({ ...file, to: join(context.work, path) }, signal, (count) => {
        received += count;
        context.progress(`${megabytes(received)} of ${megabytes(total)}`);
      });
      set[file.file] = await context.keep(path);
    }).catch((error: unknown) => {
      failed.abort();
      throw error;
    }),
  );
  const results = await Promise.allSettled(jobs);
  // The first real failure, not the aborts that follow from it.
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
  const reason = reasons.find((error) => error.name !== 'AbortError') ?? reasons[0];
  if (reason !== undefined) throw reason;
  return Object.fromEntries(Object.entries(set).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export default defineStep<Params>({
  kind: 'fetch',
  summary: () => 'Download packages',
  params,
  async run(context) {
    const distro = await loadDistro(context.params.distro);
    const list = packageList.parse(JSON.parse(await readFile(context.path('list'), 'utf8')));
    const packages = await fetchAll(context, list.packages);
    const dates = list.packages.map(async ({ sha256, date }) => {
      return date ?? (await distro.packageDate?.(blobPath({ dir: context.store }, sha256))) ?? 0;
    });
    return { sets: { packages }, epoch: Math.max(0, ...(await Promise.all(dates))) };
  },
});
