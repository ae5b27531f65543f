/**
 * The few operations that an update does on the file system of the boot files. Everything goes through here, so that
 * tests can cut the power after each of them.
 *
 * Paths are relative to the file system's root. Until `sync` has returned, a cut of power may undo what was done to a
 * path, or leave garbage in the bytes that were written.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isSystemError, OsmithError } from '../errors.ts';

export interface BootDisk {
  /** A small file; undefined if there is none. */
  read(path: string): Promise<string | undefined>;
  /** Bytes of a file; undefined if there is none. */
  size(path: string): Promise<number | undefined>;
  /** Names in a directory; empty if there is none. */
  list(directory: string): Promise<string[]>;
  makeDirectory(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Writes bytes at an offset; makes the file if there is none. */
  write(path: string, data: Uint8Array, offset: number): Promise<void>;
  /** Shortens a file. */
  truncate(path: string, size: number): Promise<void>;
  /** Returns when the file (or directory) and the directory it is in are on the medium. */
  sync(path: string): Promise<void>;
  /** SHA-256 of the first `size` bytes, as they are on the medium; undefined if there are fewer. */
  digest(path: string, size: number): Promise<string | undefined>;
  /** Free bytes. */
  free(): Promise<number>;
}

function missing(error: unknown): undefined {
  if (isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
  throw error;
}

async function syncOne(path: string): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY);
  } catch (error) {
    return missing(error);
  }
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

const BLOCK = 1024 * 1024;

/** SHA-256 of the first `size` bytes of a file; undefined if there are fewer. */
export async function digestOf(path: string, size: number): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    return missing(error);
  }
  const hash = createHash('sha256');
  const block = Buffer.alloc(BLOCK);
  try {
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(block, 0, Math.min(BLOCK, size - at), at);
      if (bytesRead === 0) return undefined;
      hash.update(block.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

/** What a full disk means here: the running system is not touched by it. */
export function noRoom(need: number, free: number): OsmithError {
  return new OsmithError(
    'E_NO_SPACE',
    `The boot partition has ${free} bytes free, the new system needs ${need}`,
    {
      hint: 'The present system is unharmed. Remove what else lies on the EFI system partition, or use a larger one',
    },
  );
}

/**
 * A mounted file system. `reread` makes sure that what is read next comes from the medium, by mounting it anew;
 * there is no portable way to drop the cache of a file.
 */
export function mountedDisk(root: string, reread: () => Promise<void> = async () => {}): BootDisk {
  const at = (path: string) => join(root, path);
  let written = false;
  return {
    read: async (path) => readFile(at(path), 'utf8').catch(missing),
    size: async (path) => {
      const found = await stat(at(path)).catch(missing);
      return found?.isFile() === true ? found.size : undefined;
    },
    list: async (directory) => (await readdir(at(directory)).catch(missing)) ?? [],
    makeDirectory: async (path) => void (await mkdir(at(path), { recursive: true })),
    remove: async (path) => rm(at(path), { recursive: true, force: true }),
    write: async (path, data, offset) => {
      written = true;
      const file = await open(at(path), constants.O_WRONLY | constants.O_CREAT, 0o600);
      try {
        for (let done = 0; done < data.length;) {
          done += (await file.write(data, done, data.length - done, offset + done)).bytesWritten;
        }
      } catch (error) {
        if (isSystemError(error) && error.code === 'ENOSPC') throw noRoom(data.length, 0);
        throw error;
      } finally {
        await file.close();
      }
    },
    truncate: async (path, size) => {
      const file = await open(at(path), constants.O_RDWR);
      try {
        await file.truncate(size);
      } finally {
        await file.close();
      }
    },
    sync: async (path) => {
      await syncOne(at(path));
      await syncOne(at(dirname(path)));
    },
    digest: async (path, size) => {
      if (written) await reread();
      written = false;
      return digestOf(at(path), size);
    },
    free: async () => {
      const { bavail, bsize } = await statfs(root);
      return bavail * bsize;
    },
  };
}
