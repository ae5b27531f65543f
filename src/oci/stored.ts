/** Images that the store has, found again by their names, and by the digest of what a name stood for. */
import type { Json } from '../plan/types.ts';
import { canonicalJson, sha256 } from '../run/key.ts';
import { lookup, saveResult, type Store } from '../run/store.ts';
import type { Blob } from '../steps/types.ts';
import type { ImageConfig } from './types.ts';

/** An image whose blobs the store has. Plain JSON. */
export interface StoredImage {
  /** The expanded reference. */
  name: string;
  /** Digest of its manifest. */
  digest: string;
  layers: { digest: string; size: number; mediaType: string }[];
  config: ImageConfig;
  /** Manifest and configuration byte for byte, for who hands the image on. */
  documents: { manifest: Blob; config: Blob };
  /** What whoever built it says is in it: in-toto statements with an SPDX document. */
  bills?: Blob[];
}

/** All that an image consists of. */
export function imageBlobs({ documents, layers }: StoredImage): Blob[] {
  const own = layers.map(({ digest, size }) => ({ digest: digest.slice('sha256:'.length), size }));
  const all = [documents.manifest, documents.config, ...own];
  return [...new Map(all.map((blob) => [blob.digest, blob])).values()];
}

/** What the store's record of an image depends on. The version changes when the record does. */
function recordKey(name: string, arch: string): string {
  return sha256(canonicalJson({ record: 'oci-image', version: 2, name, arch }));
}

/** The image that is remembered under a full name, with all of its blobs. */
export async function storedImage(
  store: Store,
  name: string,
  arch: string,
): Promise<StoredImage | undefined> {
  const found = await lookup(store, recordKey(name, arch));
  return 'result' in found ? (found.result.facts['image'] as unknown as StoredImage) : undefined;
}

/** Remembers an image under a full name, so that it is found again and its blobs are kept as long as it is used. */
export async function rememberImage(
  store: Store,
  name: string,
  arch: string,
  image: StoredImage,
): Promise<void> {
  const blobs = [...imageBlobs(image), ...(image.bills ?? [])];
  await saveResult(store, {
    key: recordKey(name, arch),
    files: Object.fromEntries(blobs.map((blob) => [blob.digest, blob])),
    ...{ sets: {}, trees: {}, facts: { image: image as unknown as Json }, epoch: 0, ms: 0 },
  });
}
