/** Cleans the store: what no build has used for a while, and what nothing refers to. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { now } from '../env.ts';
import { OsmithError } from '../errors.ts';
import type { Blob } from '../steps/types.ts';
import { lockFile } from './lock.ts';
import { removeTree, useLock } from './scratch.ts';
import { blobPath, readResult, resultBlobs, sha256File, type Store } from './store.ts';

/** Milliseconds. */
const DAY = 24 * 60 * 60 * 1000;

export interface Cleaned {
  results: number;
  blobs: number;
  trees: number;
  /** Freed by removed blobs; unpacked trees come on top. */
  bytes: number;
}

/** Whole results, and what a killed process left of writing one, which counts as damaged. */
async function resultFiles(store: Store): Promise<string[]> {
  const dir = join(store.dir, 'results');
  return (await readdir(dir)).map((name) => join(dir, name));
}

export interface CleanOptions {
  days: number;
  /** Also look for damage in the content of every blob. */
  verify: boolean;
  dryRun: boolean;
}

/** Removes what was not used for `days`, what is damaged, and what killed processes left. */
export async function cleanStore(store: Store, options: CleanOptions): Promise<Cleaned> {
  const lock = await lockFile(useLock(store), { wait: false });
  if (lock === undefined) {
    throw new OsmithError('E_LOCK', `A build is using ${store.dir}`, { hint: 'Try again when it has ended' });
  }
  try {
    return await clean(store, options);
  } finally {
    await lock.release();
  }
}

async function clean(store: Store, { days, verify, dryRun }: CleanOptions): Promise<Cleaned> {
  const cleaned: Cleaned = { results: 0, blobs: 0, trees: 0, bytes: 0 };
  const used = new Set<string>();
  const intact = verify ? verifier(store) : () => true;
  for (const file of await resultFiles(store)) {
    const result = await readResult(file);
    const whole = typeof result === 'object' && file.endsWith('.json');
    const blobs = whole ? resultBlobs(result) : undefined;
    const fresh = now() - (await stat(file)).mtimeMs < days * DAY;
    if (fresh && blobs !== undefined && (await intact(blobs))) {
      for (const { digest } of blobs) used.add(digest);
      continue;
    }
    cleaned.results += 1;
    if (!dryRun) await rm(file, { force: true });
  }
  await cleanBlobs(store, used, dryRun, cleaned);
  await cleanTrees(store, used, dryRun, cleaned);
  if (dryRun) return cleaned;
  // Nobody uses the store now, so these are nobody's. Locks of whole builds are held without using it.
  for (const name of await readdir(join(store.dir, 'tmp'))) await removeTree(join(store.dir, 'tmp', name));
  for (const name of await readdir(join(store.dir, 'locks'))) {
    if (!/^(?:out|variant)-/.test(name)) await rm(join(store.dir, 'locks', name), { force: true });
  }
  await cleanCache(store, days);
  await cleanLogs(store, days);
  return cleaned;
}

/** Tells whether blobs are what their names say; looks at each once. */
function verifier(store: Store): (blobs: Blob[]) => Promise<boolean> {
  const known = new Map<string, boolean>();
  return async (blobs) => {
    for (const { digest } of blobs) {
      if (!known.has(digest))
        known.set(digest, (await sha256File(blobPath(store, digest)).catch(() => '')) === digest);
      if (known.get(digest) === false) return false;
    }
    return true;
  };
}

async function cleanBlobs(
  store: Store,
  used: ReadonlySet<string>,
  dryRun: boolean,
  cleaned: Cleaned,
): Promise<void> {
  const root = join(store.dir, 'blobs', 'sha256');
  for (const prefix of await readdir(root)) {
    for (const digest of await readdir(join(root, prefix))) {
      const path = join(root, prefix, digest);
      const info = await stat(path);
      if (used.has(digest)) continue;
      cleaned.blobs += 1;
      cleaned.bytes += info.size;
      if (!dryRun) await rm(path, { force: true });
    }
  }
}

async function cleanTrees(
  store: Store,
  used: ReadonlySet<string>,
  dryRun: boolean,
  cleaned: Cleaned,
): Promise<void> {
  const wanted = new Set([...used].map((digest) => digest.slice(0, 24)));
  for (const name of await readdir(join(store.dir, 'trees'))) {
    // NAME/, NAME.fingerprint, and what a killed process left of writing that.
    if (wanted.has(name.replace(/\.fingerprint$/, ''))) continue;
    if (!name.includes('.')) cleaned.trees += 1;
    if (!dryRun) await removeTree(join(store.dir, 'trees', name));
  }
}

/** Files that steps keep for later ones of their kind, by hard links: making one counts as use. */
async function cleanCache(store: Store, days: number): Promise<void> {
  const files = await readdir(join(store.dir, 'cache'), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  for (const file of files.filter((entry) => entry.isFile())) {
    const path = join(file.parentPath, file.name);
    if (now() - (await stat(path)).ctimeMs >= days * DAY) await rm(path, { force: true });
  }
}

async function cleanLogs(store: Store, days: number): Promise<void> {
  for (const name of await readdir(join(store.dir, 'logs'))) {
    const path = join(store.dir, 'logs', name);
    if (now() - (await stat(path)).mtimeMs >= days * DAY) await rm(path, { force: true });
  }
}
