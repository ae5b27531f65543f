/** Brings images into the store: from layouts, else what the store has already, else from a registry. */
import { join } from 'node:path';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import pLimit, { type LimitFunction } from 'p-limit';
import { uniqueName } from '../env.ts';
import { OsmithError, type Where } from '../errors.ts';
import { canonicalJson, sha256 } from '../run/key.ts';
import { addBlob, blobPath, hasBlob, lookup, saveResult, type Store } from '../run/store.ts';
import type { Json } from '../plan/types.ts';
import type { Blob } from '../steps/types.ts';
import { readImage } from './image.ts';
import type { Reference } from './reference.ts';
import type { ImageSource } from './source.ts';
import type { Descriptor, ImageConfig } from './types.ts';

/** An image whose blobs the store has. Plain JSON. */
export interface StoredImage {
  /** The expanded reference. */
  name: string;
  /** Digest of its manifest. */
  digest: string;
  layers: { digest: string; size: number; mediaType: string }[];
  config: ImageConfig;
}

export interface Puller {
  store: Store;
  arch: string;
  /** Looked into first, in order. */
  layouts: readonly ImageSource[];
  registry: ImageSource;
  /** Asks the registry although the store has the image. */
  refresh: boolean;
  /** A directory of the store's file system for what is not verified yet. */
  scratch: string;
  /** Told what is fetched. */
  onFetch?: (reference: Reference, from: string) => void;
}

/** Blobs at a time, of all images together. */
const PARALLEL = 6;

/** What the store's record of an image depends on. The version changes when the record does. */
function recordKey(name: string, arch: string): string {
  return sha256(canonicalJson({ record: 'oci-image', version: 1, name, arch }));
}

async function fromStore(puller: Puller, reference: Reference): Promise<StoredImage | undefined> {
  const found = await lookup(puller.store, recordKey(reference.full, puller.arch));
  return 'result' in found ? (found.result.facts['image'] as unknown as StoredImage) : undefined;
}

/** Remembers an image, so that it is found again and its blobs are kept as long as it is used. */
async function remember(puller: Puller, name: string, image: StoredImage, blobs: Blob[]): Promise<void> {
  await saveResult(puller.store, {
    key: recordKey(name, puller.arch),
    files: Object.fromEntries(blobs.map((blob) => [blob.digest, blob])),
    ...{ sets: {}, trees: {}, facts: { image: image as unknown as Json }, epoch: 0, ms: 0 },
  });
}

async function takeBlob(
  puller: Puller,
  limit: LimitFunction,
  source: ImageSource,
  reference: Reference,
  descriptor: Descriptor,
): Promise<Blob> {
  const digest = descriptor.digest.slice('sha256:'.length);
  const blob = { digest, size: descriptor.size };
  await limit(async () => {
    if (await hasBlob(puller.store, blob)) return;
    const file = join(puller.scratch, uniqueName());
    try {
      await source.fetch(reference, descriptor, file);
      await addBlob(puller.store, file, digest);
    } finally {
      await rm(file, { force: true });
    }
  });
  return blob;
}

async function take(
  puller: Puller,
  limit: LimitFunction,
  source: ImageSource,
  reference: Reference,
  where: Where | undefined,
): Promise<StoredImage | undefined> {
  const found = await source.find(reference);
  if (found === undefined) return undefined;
  const { manifestDescriptor, manifest, config } = await readImage(
    source,
    reference,
    found,
    puller.arch,
    where,
  );
  puller.onFetch?.(reference, source.name);
  const unique = new Map(manifest.layers.map((layer) => [layer.digest, layer]));
  const fetched = await Promise.all(
    [...unique.values()].map((layer) => takeBlob(puller, limit, source, reference, layer)),
  );
  const layers = manifest.layers.map(({ digest, size, mediaType }) => ({ digest, size, mediaType }));
  const image = { name: reference.full, digest: manifestDescriptor.digest, layers, config };
  // By its digest an image is the same wherever it came from; a name means what the registry says, not what a layout does.
  await remember(puller, `${reference.registry}/${reference.repository}@${image.digest}`, image, fetched);
  if (source === puller.registry) await remember(puller, reference.full, image, fetched);
  return image;
}

async function pullOne(
  puller: Puller,
  limit: LimitFunction,
  reference: Reference,
  where: Where | undefined,
): Promise<StoredImage> {
  for (const layout of puller.layouts) {
    const image = await take(puller, limit, layout, reference, where);
    if (image !== undefined) return image;
  }
  const known = puller.refresh ? undefined : await fromStore(puller, reference);
  const image = known ?? (await take(puller, limit, puller.registry, reference, where));
  if (image !== undefined) return { ...image, name: reference.full };
  const looked = [...puller.layouts.map(({ name }) => name), `the registry ${reference.registry}`];
  throw new OsmithError('E_IMAGE', `There is no image ${reference.full}`, {
    where,
    hint: `Looked in ${looked.join(', ')}: build or push it, or name the layout that has it with --layout`,
  });
}

/** Pulls all, several at a time; each once. By expanded reference. The first error is thrown. */
export async function pullImages(
  puller: Puller,
  wanted: readonly { reference: Reference; where?: Where | undefined }[],
): Promise<Map<string, StoredImage>> {
  const limit = pLimit(PARALLEL);
  const once = new Map(wanted.map((each) => [each.reference.full, each]));
  const jobs = [...once.values()].map(({ reference, where }) => pullOne(puller, limit, reference, where));
  const results = await Promise.allSettled(jobs);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  const images = results.map((result) => (result as PromiseFulfilledResult<StoredImage>).value);
  return new Map(images.map((image) => [image.name, image]));
}

/** The layers of a stored image as files. */
export function layerFile(store: Store, digest: string): string {
  return blobPath(store, digest.slice('sha256:'.length));
}

export async function storeData(puller: Pick<Puller, 'store' | 'scratch'>, data: Buffer): Promise<Blob> {
  await mkdir(puller.scratch, { recursive: true });
  const file = join(puller.scratch, uniqueName());
  await writeFile(file, data);
  return addBlob(puller.store, file);
}
