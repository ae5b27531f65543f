/** A process's own directory in the store, locked while the process lives, removed at its end or by the next process. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { uniqueName } from '../env.ts';
import { isSystemError } from '../errors.ts';
import { lockFile } from './lock.ts';
import { inNamespace } from './namespace.ts';
import type { Store } from './store.ts';

export interface Scratch {
  dir: string;
  release(): Promise<void>;
}

/** Removes a directory even where its files belong to subordinate ids or its modes forbid it. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!isSystemError(error) || (error.code !== 'EACCES' && error.code !== 'EPERM')) throw error;
    await inNamespace(['rm', '-rf', '--', path]);
  }
}

/** Held by all who use the store, shared; by who cleans it, exclusive. */
export function useLock(store: Store): string {
  return join(store.dir, 'use.lock');
}

/** Makes this process's scratch directory. While it is open, nobody cleans the store. */
export async function openScratch(store: Store, signal?: AbortSignal): Promise<Scratch> {
  const use = await lockFile(useLock(store), { wait: true, shared: true, ...(signal && { signal }) });
  const dir = join(store.dir, 'tmp', uniqueName());
  const lock = await lockFile(`${dir}.lock`, { wait: false });
  await mkdir(dir);
  return {
    dir,
    release: async () => {
      await removeTree(dir);
      await rm(`${dir}.lock`, { force: true });
      await lock?.release();
      await use?.release();
    },
  };
}

export interface LazyScratch {
  dir: () => Promise<string>;
  /** Whether there was anything to release. */
  release: () => Promise<boolean>;
}

/** Scratch space that is made when it is first asked for: who has nothing to do touches nothing. */
export function lazyScratch(store: Store, signal?: AbortSignal): LazyScratch {
  let opening: Promise<Scratch> | undefined;
  return {
    dir: async () => (await (opening ??= openScratch(store, signal))).dir,
    release: async () => {
      const opened = await opening?.catch(() => undefined);
      await opened?.release();
      return opening !== undefined;
    },
  };
}

/** Removes what killed processes left behind: scratch directories that nobody holds the lock of. */
export async function cleanStale(store: Store): Promise<void> {
  const names = await readdir(join(store.dir, 'tmp'));
  for (const name of names.filter((entry) => !entry.endsWith('.lock'))) {
    const dir = join(store.dir, 'tmp', name);
    const lock = await lockFile(`${dir}.lock`, { wait: false });
    if (lock === undefined) continue;
    await removeTree(dir);
    await rm(`${dir}.lock`, { force: true });
    await lock.release();
  }
}
