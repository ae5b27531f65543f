/** Hands single files out of the store: to a path, whole or not at all, or to a stream. */
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { uniqueName } from '../env.ts';
import { isSystemError, OsmithError } from '../errors.ts';
import type { Blob } from '../steps/types.ts';
import { copyFile, isFull } from './copy-file.ts';
import { sha256 } from './key.ts';
import { blobPath, writeAtomic, type Store } from './store.ts';

/** Where the store notes what it last wrote to a path. */
function notePath(store: Store, path: string): string {
  return join(store.dir, 'last', 'files', sha256(resolve(path)));
}

/** A blob and the state of the file that it was copied to: nobody changes a file without changing its times. */
async function note({ digest }: Blob, path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return [digest, dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

async function isPlaced(store: Store, blob: Blob, path: string): Promise<boolean> {
  try {
    return (await readFile(notePath(store, path), 'utf8')) === (await note(blob, path));
  } catch {
    return false; // one of them is not there
  }
}

/**
 * Puts a blob at a path, which is left alone if it is there since the last time. Throws E_OUT when the path cannot be
 * written; what was there then stays.
 */
export async function copyArtifact(
  store: Store,
  blob: Blob,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  if (await isPlaced(store, blob, path)) return;
  const fresh = `${path}.new-${uniqueName()}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await copyFile(blobPath(store, blob.digest), fresh, { sparse: 'auto', signal });
    await rename(fresh, path);
  } catch (cause) {
    await rm(fresh, { force: true }).catch(() => {});
    signal.throwIfAborted();
    if (isFull(cause as Error)) {
      throw new OsmithError('E_NO_SPACE', `No space left for ${path}`, { cause, hint: 'Free some space' });
    }
    throw new OsmithError('E_OUT', `Cannot write ${path}: ${(cause as Error).message}`, {
      cause,
      hint: 'Name another path with --output',
    });
  }
  // Where it cannot be noted, the file is only copied again.
  await writeAtomic(notePath(store, path), await note(blob, path)).catch(() => {});
}

/** Writes all of it, or as much as the reader wants, and leaves the stream open. */
export async function streamArtifact(store: Store, blob: Blob, to: NodeJS.WritableStream): Promise<void> {
  const from = createReadStream(blobPath(store, blob.digest), { highWaterMark: 1 << 20 });
  try {
    await pipeline(from, to, { end: false });
  } catch (error) {
    // A reader that has seen enough, as in `osmith unpack IMAGE rootfs | head -c 512`, is no failure.
    if (!isSystemError(error) || !['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(error.code!)) throw error;
  }
}
