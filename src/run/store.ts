/**
 * The content-addressed store: blobs by SHA-256, and results of steps by key. All writes go to a scratch directory
 * first and are renamed into place, so that a process killed at any moment leaves only whole entries.
 *
 *   blobs/sha256/AB/ABCD...   read-only, with a fixed modification time: any change shows in its stat
 *   results/KEY.json          what a step with this key made
 *   trees/NAME/               layers unpacked for overlays; a cache, see trees.ts
 *   last/PLAN/STEP.json       what went into the key when the step last ran, for `plan` to explain
 *   logs/                     full logs of steps
 *   tmp/NAME/, tmp/NAME.lock  scratch of a running process
 *   locks/, use.lock          see lock.ts; held shared by who uses the store, exclusive by who cleans it
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { now, uniqueName } from '../env.ts';
import { isSystemError, OsmithError } from '../errors.ts';
import type { Json } from '../plan/types.ts';
import type { Blob, Tree } from '../steps/types.ts';
import { makeDirectory } from './directory.ts';

/** What a step made, as the store remembers it. */
export interface Result {
  key: string;
  files: Record<string, Blob>;
  sets: Record<string, Record<string, Blob>>;
  trees: Record<string, { layers: Blob[] }>;
  facts: Record<string, Json>;
  epoch: number;
  /** How long the step took, milliseconds. */
  ms: number;
}

/** A result file: the digest tells when it was damaged. */
interface StoredResult {
  sha256: string;
  result: Result;
}

/** Modification time of every blob: a blob with another one was touched. */
const BLOB_MTIME = 1;

export interface Store {
  dir: string;
}

export function blobPath(store: Store, digest: string): string {
  return join(store.dir, 'blobs', 'sha256', digest.slice(0, 2), digest);
}

export async function openStore(path: string): Promise<Store> {
  const dir = resolve(path);
  try {
    for (const sub of ['blobs/sha256', 'results', 'trees', 'last', 'logs', 'tmp', 'locks']) {
      await makeDirectory(join(dir, sub));
    }
  } catch (cause) {
    throw new OsmithError('E_STORE', `Cannot use ${dir} as the store: ${(cause as Error).message}`, {
      cause,
      hint: 'Set OSMITH_STORE to a directory that you may write to',
    });
  }
  return { dir };
}

export async function sha256File(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** Writes a file whole or not at all. */
export async function writeAtomic(file: string, data: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${uniqueName()}.new`;
  await writeFile(temporary, data);
  await rename(temporary, file);
}

/** Moves a file of the same file system into the store. */
export async function addBlob(store: Store, file: string, known?: string): Promise<Blob> {
  const { size } = await stat(file);
  const digest = known ?? (await sha256File(file));
  const path = blobPath(store, digest);
  if (await hasBlob(store, { digest, size })) {
    await rm(file);
    return { digest, size };
  }
  await mkdir(dirname(path), { recursive: true });
  await chmod(file, 0o444);
  await utimes(file, BLOB_MTIME, BLOB_MTIME);
  await rename(file, path);
  return { digest, size };
}

/**
 * Whether the store has this blob, intact. A blob whose stat shows that it was touched is hashed, and removed when it
 * no longer matches its name, so that whoever needs it makes it again.
 */
export async function hasBlob(store: Store, blob: Blob): Promise<boolean> {
  const path = blobPath(store, blob.digest);
  try {
    const found = await stat(path);
    if (found.size === blob.size && found.mtimeMs === BLOB_MTIME * 1000) return true;
    if (found.size === blob.size && (await sha256File(path)) === blob.digest) {
      await utimes(path, BLOB_MTIME, BLOB_MTIME);
      return true;
    }
    await rm(path, { force: true });
    return false;
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return false;
    throw error;
  }
}

/** All that a result refers to. */
export function resultBlobs(result: Result): Blob[] {
  return [
    ...Object.values(result.files),
    ...Object.values(result.sets).flatMap((set) => Object.values(set)),
    ...Object.values(result.trees).flatMap((tree) => tree.layers),
  ];
}

export type Lookup = { result: Result } | { missing: 'never' | 'damaged' };

export function resultPath(store: Store, key: string): string {
  return join(store.dir, 'results', `${key}.json`);
}

function checksum(result: Result): string {
  return createHash('sha256').update(JSON.stringify(result)).digest('hex');
}

/** Reads a result file; `damaged` if it is not what was written. */
export async function readResult(path: string): Promise<Result | 'damaged' | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { sha256, result } = JSON.parse(text) as StoredResult;
    return sha256 === checksum(result) ? result : 'damaged';
  } catch {
    return 'damaged';
  }
}

/** The result of a step with this key, if all of it is still there. */
export async function lookup(store: Store, key: string): Promise<Lookup> {
  const path = resultPath(store, key);
  const result = await readResult(path);
  if (result === undefined) return { missing: 'never' };
  if (result === 'damaged' || result.key !== key) {
    await rm(path, { force: true });
    return { missing: 'damaged' };
  }
  const intact = await Promise.all(resultBlobs(result).map((blob) => hasBlob(store, blob)));
  if (intact.every(Boolean)) {
    await utimes(path, now() / 1000, now() / 1000); // `gc` goes by the last use
    return { result };
  }
  await rm(path, { force: true });
  return { missing: 'damaged' };
}

export async function saveResult(store: Store, result: Result): Promise<void> {
  const stored: StoredResult = { sha256: checksum(result), result };
  await writeAtomic(resultPath(store, result.key), `${JSON.stringify(stored)}\n`);
}

/** Digests of a tree's layers as steps see them. */
export function treeOf(result: Result, output: string): Tree | undefined {
  const tree = result.trees[output];
  return tree && { layers: tree.layers.map((layer) => layer.digest) };
}
