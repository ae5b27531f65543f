/** Hands single files out of the store: to a path, whole or not at all, or to a stream. */
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { execa } from 'execa';
import { uniqueName } from '../env.ts';
import { OsmithError } from '../errors.ts';
import type { Blob } from '../steps/types.ts';
import { blobPath, type Store } from './store.ts';

/** Throws E_OUT when the path cannot be written; what was there then stays. */
export async function copyArtifact(
  store: Store,
  blob: Blob,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const fresh = `${path}.new-${uniqueName()}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    // File systems that can share blocks do.
    const argv = [
      '--sparse=auto',
      '--reflink=auto',
      '--no-preserve=mode',
      blobPath(store, blob.digest),
      fresh,
    ];
    const { failed, stderr, shortMessage } = await execa('cp', argv, { reject: false, cancelSignal: signal });
    signal.throwIfAborted();
    if (failed) throw new Error(stderr || shortMessage);
    await rename(fresh, path);
  } catch (cause) {
    await rm(fresh, { force: true }).catch(() => {});
    signal.throwIfAborted();
    const { message } = cause as Error;
    if (/No space left|quota exceeded|ENOSPC|EDQUOT/.test(message)) {
      throw new OsmithError('E_NO_SPACE', `No space left for ${path}`, { cause, hint: 'Free some space' });
    }
    throw new OsmithError('E_OUT', `Cannot write ${path}: ${message}`, {
      cause,
      hint: 'Name another path with --output',
    });
  }
}

/** Writes all of it and leaves the stream open. */
export async function streamArtifact(store: Store, blob: Blob, to: NodeJS.WritableStream): Promise<void> {
  const from = createReadStream(blobPath(store, blob.digest), { highWaterMark: 1 << 20 });
  from.pipe(to, { end: false });
  await finished(from);
}
