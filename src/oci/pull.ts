/** Brings images into the store: from layouts, else what the store has already, else from a registry. */
import { join } from 'node:path';
import { rm, writeFile } from 'node:fs/promises';
import pLimit from 'p-limit';
import { uniqueName } from '../env.ts';
import { OsmithError, type Where } from '../errors.ts';
import { takeBlobs } from '../run/recorded.ts';
import { addBlob, hasBlob, type Store } from '../run/store.ts';
import type { Blob } from '../steps/types.ts';
import { readImage } from './image.ts';
import type { Reference } from './reference.ts';
import type { ImageSource } from './source.ts';
import { imageBlobs, rememberImage, storedImage, type StoredImage } from './stored.ts';
import { manifest, parseDocument, type Descriptor } from './types.ts';
import { digestOf } from './verify.ts';

export interface Puller {
  store: Store;
  arch: string;
  /** Looked into first, in order. */
  layouts: readonly ImageSource[];
  registry: ImageSource;
  /** A store of the same file system that is asked before the registry is. */
  recorded?: Store | undefined;
  /** Asks the registry although the store has the image. */
  refresh: boolean;
  /** A directory of the store's file system for what is not verified yet. */
  scratch: () => Promise<string>;
  /** Images that were built for this, by full reference: found before all others. */
  built?: ReadonlyMap<string, StoredImage>;
  /** The digest that an image has to have; undefined: any. It throws for what must not be used. */
  pin?: (reference: Reference, arch: string, where: Where | undefined) => string | undefined;
  /** Told what is fetched. */
  onFetch?: (reference: Reference, from: string) => void;
}

/** Blobs at a time, of all images together. */
const limit = pLimit(6);

/** A blob of an image, verified, in the store. */
export async function takeBlob(
  puller: Puller,
  source: ImageSource,
  reference: Reference,
  descriptor: Descriptor,
): Promise<Blob> {
  const digest = descriptor.digest.slice('sha256:'.length);
  const blob = { digest, size: descriptor.size };
  await limit(async () => {
    if (await hasBlob(puller.store, blob)) return;
    const file = join(await puller.scratch(), uniqueName());
    try {
      await source.fetch(reference, descriptor, file);
      await addBlob(puller.store, file, digest);
    } finally {
      await rm(file, { force: true });
    }
  });
  return blob;
}

/** The software bills that an image comes with. */
async function takeBills(
  puller: Puller,
  source: ImageSource,
  reference: Reference,
  attestations: readonly Descriptor[],
): Promise<Blob[]> {
  const bills: Blob[] = [];
  for (const descriptor of attestations) {
    const data = await source.read(reference, descriptor);
    const { layers } = parseDocument(manifest, data, `The attestation of ${reference.full}`);
    for (const layer of layers) {
      const isBill =
        layer.mediaType === 'application/vnd.in-toto+json' &&
        layer.annotations?.['in-toto.io/predicate-type'] === 'https://spdx.dev/Document';
      if (isBill) bills.push(await takeBlob(puller, source, reference, layer));
    }
  }
  return bills;
}

/** An image that needs not be fetched: of the store, or as another one recorded it. */
async function knownImage({ store, recorded, arch }: Puller, name: string): Promise<StoredImage | undefined> {
  const own = await storedImage(store, name, arch);
  const other = own ?? (recorded && (await storedImage(recorded, name, arch)));
  if (own !== undefined || recorded === undefined || other === undefined) return own;
  await takeBlobs(recorded, store, [...imageBlobs(other), ...(other.bills ?? [])]);
  await rememberImage(store, name, arch, other);
  return other;
}

/** Whether layers are needed, or only what describes the image. */
type Part = 'all' | 'description';

async function take(
  puller: Puller,
  part: Part,
  source: ImageSource,
  reference: Reference,
  where: Where | undefined,
): Promise<StoredImage | undefined> {
  const { store, arch } = puller;
  const found = await source.find(reference);
  if (found === undefined) return undefined;
  // By a digest an image is the same wherever it came from; a name means what the registry says, not what a layout does.
  const byDigest = (digest: string) => `${reference.registry}/${reference.repository}@${digest}`;
  const rememberAs = (names: string[], image: StoredImage) =>
    Promise.all([...new Set(names)].map((name) => rememberImage(store, name, arch, image)));
  const own = source === puller.registry ? [reference.full] : [];
  const root = byDigest(found.descriptor.digest);
  const known = await knownImage(puller, root);
  if (known !== undefined) {
    await rememberAs(own, known);
    return { ...known, name: reference.full };
  }
  const read = await readImage(source, reference, found, arch, where);
  puller.onFetch?.(reference, source.name);
  const bills = await takeBills(puller, source, reference, read.attestations);
  const documents = {
    manifest: await storeData(puller, read.raw.manifest),
    config: await storeData(puller, read.raw.config),
  };
  const { digest } = read.manifestDescriptor;
  const layers = read.manifest.layers.map(({ digest, size, mediaType }) => ({ digest, size, mediaType }));
  const image: StoredImage = {
    ...{ name: reference.full, digest, layers, config: read.config, documents },
    ...(bills.length > 0 && { bills }),
  };
  if (part === 'description') return image;
  const unique = new Map(read.manifest.layers.map((layer) => [layer.digest, layer]));
  await Promise.all([...unique.values()].map((layer) => takeBlob(puller, source, reference, layer)));
  await rememberAs([...own, root, byDigest(digest)], image);
  return image;
}

/** An image of which the digest is known: a name that means something else by now is no matter, or an error. */
async function pullPinned(
  puller: Puller,
  part: Part,
  reference: Reference,
  digest: string,
  where: Where | undefined,
): Promise<StoredImage> {
  const name = `${reference.registry}/${reference.repository}@${digest}`;
  const pinned = { ...reference, full: name, tag: undefined, digest };
  const known = await knownImage(puller, name);
  if (known !== undefined) return { ...known, name: reference.full };
  for (const source of [...puller.layouts, puller.registry]) {
    const asked = source === puller.registry ? pinned : reference;
    const image = await take(puller, part, source, asked, where);
    if (image?.digest === digest) return { ...image, name: reference.full };
    if (image === undefined) continue;
    throw new OsmithError(
      'E_DRIFT',
      `${reference.full} for ${puller.arch} is ${image.digest} in the ${source.name}, and ${digest} in the lock file`,
      { where, hint: `If that is wanted: osmith lock FILE --update ${reference.full}` },
    );
  }
  throw new OsmithError(
    'E_DRIFT',
    `${reference.full} is no longer to be had as the lock file records it: ${digest}`,
    {
      where,
      hint: `Get that image back, or take another: osmith lock FILE --update ${reference.full}`,
    },
  );
}

async function pullOne(
  puller: Puller,
  part: Part,
  reference: Reference,
  where: Where | undefined,
): Promise<StoredImage> {
  const built = puller.built?.get(reference.full);
  if (built !== undefined) return built;
  const pin = puller.pin?.(reference, puller.arch, where);
  if (pin !== undefined) return pullPinned(puller, part, reference, pin, where);
  for (const layout of puller.layouts) {
    const image = await take(puller, part, layout, reference, where);
    if (image !== undefined) return image;
  }
  const known = puller.refresh ? undefined : await knownImage(puller, reference.full);
  const image = known ?? (await take(puller, part, puller.registry, reference, where));
  if (image !== undefined) return { ...image, name: reference.full };
  const looked = [...puller.layouts.map(({ name }) => name), `the registry ${reference.registry}`];
  throw new OsmithError('E_IMAGE', `There is no image ${reference.full}`, {
    where,
    hint: `Looked in ${looked.join(', ')}: build or push it, or name the layout that has it with --layout`,
  });
}

/** What is wrong with an image is wrong where it is named. */
function located(error: unknown, where: Where | undefined): unknown {
  if (!(error instanceof OsmithError) || error.details.where !== undefined) return error;
  return new OsmithError(error.code, error.message, { ...error.details, where });
}

export interface WantedImage {
  reference: Reference;
  where?: Where | undefined;
  part?: Part | undefined;
}

/** Pulls all, several at a time; each once. By expanded reference. The first error is thrown. */
export async function pullImages(
  puller: Puller,
  wanted: readonly WantedImage[],
): Promise<Map<string, StoredImage>> {
  const once = new Map(wanted.map((each) => [each.reference.full, each]));
  const jobs = [...once.values()].map(({ reference, where, part = 'all' }) =>
    pullOne(puller, part, reference, where).catch((error: unknown) => {
      throw located(error, where);
    }),
  );
  const results = await Promise.allSettled(jobs);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  const images = results.map((result) => (result as PromiseFulfilledResult<StoredImage>).value);
  return new Map(images.map((image) => [image.name, image]));
}

/** Puts a document into the store. */
export async function storeData(puller: Pick<Puller, 'store' | 'scratch'>, data: Buffer): Promise<Blob> {
  const blob = { digest: digestOf(data).slice('sha256:'.length), size: data.length };
  if (await hasBlob(puller.store, blob)) return blob;
  const file = join(await puller.scratch(), uniqueName());
  await writeFile(file, data);
  return addBlob(puller.store, file, blob.digest);
}
