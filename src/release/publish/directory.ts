/** A directory of this machine, such as the root of a static web server. */
import { createHash } from 'node:crypto';
import {
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  type FileHandle,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { uniqueName } from '../../env.ts';
import { isSystemError, OsmithError } from '../../errors.ts';
import { lockFile } from '../../run/lock.ts';
import { sha256File } from '../../run/store.ts';
import { directoryReader } from '../reader.ts';
import type { Content, PublishedFile, Publisher, PublisherKind, PublisherOptions } from './types.ts';

/** In the directory of the name: what is being written, and the lock. Web servers need not hide them: nothing is secret. */
const UNFINISHED = '.unfinished';
const LOCK = '.lock';
const BLOCK = 256 * 1024;
const ZEROS = Buffer.alloc(BLOCK);

export const directoryKind: PublisherKind = {
  kind: 'file',
  open: openDirectory,
  read: ({ target }) => directoryReader(target),
};

function openDirectory({ target, name, signal }: PublisherOptions): Publisher {
  const root = resolve(target);
  const at = (path: string) => join(root, path);
  const own = at(name);
  const guarded = async <T>(path: string, action: () => Promise<T>): Promise<T> =>
    action().catch((error: unknown) => {
      throw targetError(root, path, error);
    });
  const write = async (path: string, content: Content): Promise<void> => {
    await makeDirectories(root, dirname(path));
    const fresh = join(own, UNFINISHED, uniqueName());
    try {
      await makeDirectories(root, join(name, UNFINISHED));
      await writeChecked(fresh, content, signal);
      await rename(fresh, at(path));
    } catch (error) {
      await rm(fresh, { force: true });
      throw error;
    }
  };
  return {
    place: root,
    lock: async () =>
      guarded(name, async () => {
        await stat(dirname(root)); // a slip in the path shall not make directories far away
        await makeDirectories(dirname(root), join(basename(root), name));
        const lock = await lockFile(join(own, LOCK), { wait: false, ...(signal && { signal }) });
        // Nobody else writes now: what is there was left by one that was killed.
        if (lock !== undefined) {
          await rm(join(own, UNFINISHED), { recursive: true, force: true });
          await removeEmptyIn(own);
        }
        return lock;
      }),
    list: async (directory) => guarded(directory, async () => listFiles(root, directory)),
    read: async (path, limit) => guarded(path, async () => readSmall(at(path), limit)),
    put: async (path, content) =>
      guarded(path, async () => {
        if (!(await isThere(at(path), content))) await write(path, content);
        await syncDirectories(root, dirname(path));
      }),
    commit: async (path, content) =>
      guarded(path, async () => {
        await write(path, content);
        await syncDirectories(root, dirname(path));
      }),
    remove: async (paths) => {
      for (const path of paths)
        await guarded(path, async () => {
          await rm(at(path), { force: true });
          await removeEmpty(root, dirname(path));
        });
      for (const directory of new Set(paths.map(dirname))) await syncDirectories(root, directory);
    },
  };
}

/** Makes what is missing below `root`, for a web server to read. One by one: as in makeDirectory of run/directory.ts. */
async function makeDirectories(root: string, path: string): Promise<void> {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  for (const [index] of parts.entries()) {
    const dir = join(root, ...parts.slice(0, index + 1));
    try {
      await mkdir(dir);
      await chmod(dir, 0o755);
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EEXIST') throw error;
    }
  }
}

/** Writes a file durably; throws unless it is what it must be. */
async function writeChecked(file: string, content: Content, signal?: AbortSignal): Promise<void> {
  const handle = await open(file, 'wx', 0o644);
  try {
    if (Buffer.isBuffer(content)) await handle.writeFile(content);
    else await copyChecked(content, handle, signal);
    await handle.chmod(0o644); // whatever the umask says
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Disk images are mostly holes: blocks of zeros are left out. */
async function copyChecked(
  { file, size, sha256 }: Exclude<Content, Buffer>,
  to: FileHandle,
  signal?: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  const from = await open(file);
  let written = 0;
  try {
    for (const block = Buffer.alloc(BLOCK); ;) {
      signal?.throwIfAborted();
      const { bytesRead } = await from.read(block, 0, BLOCK, written);
      if (bytesRead === 0) break;
      const data = block.subarray(0, bytesRead);
      hash.update(data);
      if (!data.equals(ZEROS.subarray(0, bytesRead))) await writeAll(to, data, written);
      written += bytesRead;
    }
    await to.truncate(written);
  } finally {
    await from.close();
  }
  if (written === size && hash.digest('hex') === sha256) return;
  throw new OsmithError('E_SIGNATURE', `${file} is not what its manifest says`, {
    hint: 'Something changed it. Run `osmith build` again: it puts back what the store has',
  });
}

/** A write may end early, such as when the disk is full: the next one says why. */
async function writeAll(to: FileHandle, data: Buffer, position: number): Promise<void> {
  for (let done = 0; done < data.length;)
    done += (await to.write(data, done, data.length - done, position + done)).bytesWritten;
}

async function isThere(file: string, content: Content): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() !== true) return false;
  if (Buffer.isBuffer(content))
    return found.size === content.length && (await readFile(file)).equals(content);
  return found.size === content.size && (await sha256File(file)) === content.sha256;
}

async function listFiles(root: string, directory: string): Promise<PublishedFile[]> {
  const entries = await readdir(join(root, directory), { withFileTypes: true }).catch((error: unknown) => {
    if (isSystemError(error) && ['ENOENT', 'ENOTDIR'].includes(error.code!)) return [];
    throw error;
  });
  const found = await Promise.all(
    entries.map(async (entry): Promise<PublishedFile[]> => {
      const path = join(directory, entry.name);
      if (entry.name === UNFINISHED || entry.name === LOCK) return [];
      if (entry.isDirectory()) return listFiles(root, path);
      return [{ path, size: (await stat(join(root, path)).catch(() => undefined))?.size ?? 0 }];
    }),
  );
  return found.flat().sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function readSmall(file: string, limit: number): Promise<Buffer | undefined> {
  try {
    const { size } = await stat(file);
    if (size > limit) throw new OsmithError('E_TARGET', `${file} is too large to be what its name says`);
    return await readFile(file);
  } catch (error) {
    if (isSystemError(error) && ['ENOENT', 'ENOTDIR'].includes(error.code!)) return undefined;
    throw error;
  }
}

/** Names survive a cut of power once their directories, up to the root, were synced. */
async function syncDirectories(root: string, path: string): Promise<void> {
  for (let dir = join(root, path); dir.length >= root.length; dir = dirname(dir)) {
    const handle = await open(dir).catch(() => undefined); // it may have been removed
    if (handle === undefined) continue;
    await handle.sync().finally(async () => handle.close());
  }
}

async function removeEmpty(root: string, path: string): Promise<void> {
  for (let dir = path; dir !== '.' && dir !== '/'; dir = dirname(dir)) {
    try {
      await rmdir(join(root, dir));
    } catch {
      return; // not empty
    }
  }
}

/** Directories that are empty: one that was killed had just made them, or just emptied them. */
async function removeEmptyIn(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await rmdir(join(directory, entry.name)).catch(() => {}); // not empty
  }
}

function targetError(root: string, path: string, error: unknown): unknown {
  if (error instanceof OsmithError && error.code !== 'E_STORE') return error;
  const { message } = error as Error;
  if (isSystemError(error) && ['ENOSPC', 'EDQUOT'].includes(error.code!))
    return new OsmithError('E_NO_SPACE', `No space left in ${root} for ${path}`, {
      cause: error,
      hint: 'Free some space there, or keep fewer old releases. What is published is as it was',
    });
  if (!isSystemError(error) && !(error instanceof OsmithError)) return error;
  return new OsmithError('E_TARGET', `Cannot publish to ${root}: ${message}`, {
    cause: error,
    hint: 'It must be a directory that you may write to. What is published is as it was',
  });
}
