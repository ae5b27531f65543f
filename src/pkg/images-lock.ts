/**
 * `images.lock` in the directory of a package: which images those are that its Dockerfile names. It is one of the
 * package's files, so a new image in it is a new tag.
 */
import { join } from 'node:path';
import { parseReference } from '../oci/reference.ts';
import { readLock, type LockFile } from '../template/lock.ts';
import type { Need, Node } from './graph.ts';

/** The file's path. */
export function imagesLock(dir: string): string {
  return join(dir, 'images.lock');
}

/** Those that packages have, by directory. */
export async function readImagesLocks(nodes: readonly Node[]): Promise<Map<string, LockFile>> {
  const dirs = [...new Set(nodes.map(({ pkg }) => pkg.dir))];
  const locks = await Promise.all(dirs.map(async (dir) => [dir, await readLock(imagesLock(dir))] as const));
  return new Map(locks.flatMap(([dir, lock]) => (lock === undefined ? [] : [[dir, lock]])));
}

/** What of a package's needs such a file is about: images from elsewhere that are not named by digest. */
export function lockedNeeds({ needs }: Pick<Node, 'needs'>): Need[] {
  return needs.filter(
    ({ pkg, reference, where }) => pkg === undefined && parseReference(reference, where).digest === undefined,
  );
}
