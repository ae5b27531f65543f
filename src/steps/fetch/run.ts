import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { z } from 'zod';
import { loadDistro } from '../../distro/registry.ts';
import { packageList, source, type Distro, type PackageFile } from '../../distro/types.ts';
import { blobPath } from '../../run/store.ts';
import { defineStep, type Blob, type StepContext } from '../types.ts';
import { altered, download } from './download.ts';

const params = z.strictObject({ distro: source.distro });
type Params = z.infer<typeof params>;
type Context = StepContext<Params>;

const PARALLEL = 6;

/** By checksum, of files whose index has no SHA-256: where a later build looks for them. */
const digestsFact = z.record(z.string(), z.string()).catch({});

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Why a file is not the one that the index names; undefined if it is. */
async function faultOf(distro: Distro, file: PackageFile, path: string): Promise<string | undefined> {
  if (file.sha256 !== undefined) return undefined;
  return distro.verify!(path, file.checksum!).then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
}

/** The file in the store, if it is there; `digests`: what an earlier build found. */
async function stored(
  context: Context,
  distro: Distro,
  file: PackageFile,
  digests: Record<string, string>,
): Promise<Blob | undefined> {
  const digest = file.sha256 ?? digests[file.checksum ?? ''];
  if (digest === undefined || !(await context.has(digest, file.size))) return undefined;
  const fault = await faultOf(distro, file, blobPath({ dir: context.store }, digest));
  return fault === undefined ? { digest, size: file.size } : undefined;
}

/** Downloads what the store lacks; each file is kept as soon as it is verified. */
async function fetchAll(
  context: Context,
  distro: Distro,
  files: PackageFile[],
): Promise<Record<string, Blob>> {
  const set: Record<string, Blob> = {};
  const missing: PackageFile[] = [];
  const digests = digestsFact.parse((await context.before())['digests']);
  for (const file of files) {
    const blob = await stored(context, distro, file, digests);
    if (blob === undefined) missing.push(file);
    else set[file.file] = blob;
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
      const to = join(context.work, path);
      await download({ ...file, to }, signal, (count) => {
        received += count;
        context.progress(`${megabytes(received)} of ${megabytes(total)}`);
      });
      const fault = await faultOf(distro, file, to);
      if (fault !== undefined) throw altered(file, fault);
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
    const packages = await fetchAll(context, distro, list.packages);
    const dates = list.packages.map(async ({ file, date }) => {
      return (
        date ?? (await distro.packageDate?.(blobPath({ dir: context.store }, packages[file]!.digest))) ?? 0
      );
    });
    const digests = list.packages.flatMap(({ file, checksum }) =>
      checksum === undefined ? [] : [[checksum, packages[file]!.digest]],
    );
    return {
      sets: { packages },
      epoch: Math.max(0, ...(await Promise.all(dates))),
      ...(digests.length > 0 && {
        facts: { digests: Object.fromEntries(digests) as Record<string, string> },
      }),
    };
  },
});
