/** What another store recorded of the world outside: taken over by hard links in place of fetching it once more. */
import { link, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isSystemError } from '../errors.ts';
import type { Blob } from '../steps/types.ts';
import { blobPath, hasBlob, lookup, resultBlobs, saveResult, type Result, type Store } from './store.ts';

/** Both stores are on one file system. */
export async function takeBlobs(from: Store, to: Store, blobs: readonly Blob[]): Promise<void> {
  for (const blob of blobs) {
    if (await hasBlob(to, blob)) continue;
    const path = blobPath(to, blob.digest);
    await mkdir(dirname(path), { recursive: true });
    await link(blobPath(from, blob.digest), path).catch((error: unknown) => {
      if (!isSystemError(error) || error.code !== 'EEXIST') throw error;
    });
  }
}

/** The result of a step with this key, if the other store has it. */
export async function takeResult(from: Store, to: Store, key: string): Promise<Result | undefined> {
  const found = await lookup(from, key);
  if (!('result' in found)) return undefined;
  await takeBlobs(from, to, resultBlobs(found.result));
  await saveResult(to, found.result);
  return found.result;
}
