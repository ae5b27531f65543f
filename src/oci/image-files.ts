/** Takes single files out of an image. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { FILE } from '../run/layer/entry.ts';
import { blobPath, type Store } from '../run/store.ts';
import type { Blob } from '../steps/types.ts';
import { flattenImage } from './flatten.ts';
import type { StoredImage } from './stored.ts';

/** A file that was taken out, with what it turned out to be. */
export interface TakenFile extends Blob {
  file: string;
}

/** Writes the regular files at these paths into `dir`; those that are not there are left out. Throws E_IMAGE. */
export async function takeFiles(
  store: Store,
  { name, layers }: StoredImage,
  wanted: ReadonlySet<string>,
  dir: string,
): Promise<Map<string, TakenFile>> {
  const taken = new Map<string, TakenFile>();
  let current: { path: string; file: string; fd: number; hash: Hash; size: number } | undefined;
  const finish = () => {
    if (current === undefined) return;
    const { path, file, fd, hash, size } = current;
    current = undefined;
    closeSync(fd);
    taken.set(path, { file, size, digest: hash.digest('hex') });
  };
  const blobs = layers.map((layer) => ({
    ...layer,
    file: blobPath(store, layer.digest.slice('sha256:'.length)),
  }));
  try {
    await flattenImage(
      { name, layers: blobs },
      {
        entry({ path, type }) {
          finish();
          if (type !== FILE || !wanted.has(path)) return false;
          const file = join(dir, `file-${taken.size}`);
          current = { path, file, fd: openSync(file, 'wx'), hash: createHash('sha256'), size: 0 };
          return true;
        },
        data(piece) {
          const { fd, hash } = current!;
          hash.update(piece);
          for (let at = 0; at < piece.length;) at += writeSync(fd, piece, at);
          current!.size += piece.length;
        },
        drain: () => undefined,
      },
    );
  } finally {
    finish();
  }
  return taken;
}
