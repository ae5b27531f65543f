/** Fetches source packages and archives them, the manifest first. What the archive has no more is named there. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { z } from 'zod';
import { writeTar } from '../../disk/tar-writer.ts';
import { packageList, type PackageFile } from '../../distro/types.ts';
import { OsmithError, toOsmithError } from '../../errors.ts';
import { formatCollected, MANIFEST, parseLines } from '../../release/sbom/collected.ts';
import { sourceKey } from '../../release/sbom/sources.ts';
import { blobPath } from '../../run/store.ts';
import { download } from '../fetch/download.ts';
import { defineStep, type StepContext } from '../types.ts';

const PARALLEL = 6;

const params = z.strictObject({});
type Context = StepContext<z.infer<typeof params>>;

/** The server knows no such file: all other faults are those of the network, and another time may be better. */
function isGone(error: unknown): error is OsmithError {
  const { status } = (error instanceof OsmithError ? (error.cause ?? {}) : {}) as { status?: number };
  return status === 404 || status === 410;
}

/** The verified file in the store; undefined if there is none to be had. */
async function take(
  context: Context,
  { file, size, sha256, url }: PackageFile,
  signal: AbortSignal,
): Promise<string | undefined> {
  // Nobody could tell whether it is the right one.
  if (sha256 === undefined) return undefined;
  const path = join('files', file);
  try {
    if (!(await context.has(sha256, size))) {
      await download({ url, size, sha256, to: join(context.work, path) }, signal);
      await context.keep(path);
    }
    return blobPath({ dir: context.store }, sha256);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** The same of all, several at a time; the first fault ends it. */
async function takeAll(context: Context, packages: readonly PackageFile[]): Promise<(string | undefined)[]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const limit = pLimit(PARALLEL);
  let done = 0;
  let first: unknown;
  const jobs = packages.map((each) =>
    limit(async () => {
      signal.throwIfAborted();
      const found = await take(context, each, signal);
      context.progress(`${(done += 1)} of ${packages.length} files`);
      return found;
    }).catch((error: unknown) => {
      first ??= error;
      failed.abort();
      return undefined;
    }),
  );
  const found = await Promise.all(jobs);
  if (first !== undefined) throw toOsmithError(first);
  return found;
}

export default defineStep<z.infer<typeof params>>({
  kind: 'source-archive',
  summary: () => 'Collect the sources',
  params,
  async run(context) {
    const { packages } = packageList.parse(JSON.parse(await readFile(context.path('list'), 'utf8')));
    const lines = parseLines(await readFile(context.path('collected'), 'utf8'));
    await mkdir(join(context.work, 'files'));
    const files = new Map<string, string>();
    /** Sources without all of their files are none. */
    const incomplete = new Map<string, string>();
    const taken = await takeAll(context, packages);
    for (const [index, each] of packages.entries()) {
      const found = taken[index];
      const key = sourceKey({ type: 'deb', ...each });
      if (found !== undefined) files.set(`deb/${each.file}`, found);
      else if (!incomplete.has(key)) {
        incomplete.set(key, `the archive does not have ${each.file}`);
        context.warn(`The source ${key} cannot be had: the archive does not have ${each.file}`);
      }
    }
    const whole = lines.filter((line) => !incomplete.has(sourceKey(line)));
    const lacking = [...new Map(lines.map((line) => [sourceKey(line), line]))].flatMap(([key, line]) => {
      const reason = incomplete.get(key);
      return reason === undefined ? [] : [{ ...line, path: '', reason }];
    });
    await writeFile(join(context.work, MANIFEST), formatCollected([...whole, ...lacking]));
    const paths = [...new Set(whole.map(({ path }) => path).filter(Boolean))].sort();
    const members = [
      { name: MANIFEST, source: { file: join(context.work, MANIFEST) } },
      ...paths.map((name) => ({ name, source: { file: files.get(name)! } })),
    ];
    await writeTar(join(context.work, 'sources.tar'), members, context.epoch);
    const missing = [...whole, ...lacking].filter(({ path }) => path === '').length;
    return { files: { file: 'sources.tar' }, facts: { missing } };
  },
});
