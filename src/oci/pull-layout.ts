/** Brings an image into the store as it is, for several platforms: for volumes that hold images rather than files. */
import { OsmithError, type Where } from '../errors.ts';
import { canonicalJson, sha256 } from '../run/key.ts';
import { lookup, saveResult } from '../run/store.ts';
import type { Json } from '../plan/types.ts';
import type { Blob } from '../steps/types.ts';
import { imagesOf, isIndex, SUBJECT } from './image.ts';
import { storeData, takeBlob, type Puller } from './pull.ts';
import type { Reference } from './reference.ts';
import type { Found, ImageSource } from './source.ts';
import { index, INDEX_TYPES, manifest, parseDocument, type Descriptor } from './types.ts';
import { digestOf } from './verify.ts';

/** A layout whose blobs the store has. Plain JSON. */
export interface StoredLayout {
  /** The text of index.json. */
  index: string;
  /** In the order of their digests. */
  blobs: Blob[];
}

/** `linux/arm/v7` fits what names the same or leaves the variant out. */
function fits(platform: string, { platform: own }: Descriptor): boolean {
  const [os, architecture, variant] = platform.split('/');
  return (
    own?.os === os &&
    own?.architecture === architecture &&
    (variant === undefined || own?.variant === variant)
  );
}

/** Images for the wanted platforms, and attestations about those. */
function chosen(
  reference: Reference,
  entries: readonly Descriptor[],
  platforms: readonly string[],
  where: Where | undefined,
): Descriptor[] {
  const images = imagesOf(entries);
  const lacking = platforms.filter((platform) => !images.some((entry) => fits(platform, entry)));
  if (lacking.length > 0) {
    throw new OsmithError(
      'E_IMAGE',
      `The index of ${reference.full} does not contain the target platforms ${lacking.join(', ')}`,
      { where, hint: 'Leave them out of the list, or build the image for them' },
    );
  }
  const kept = images.filter((entry) => platforms.some((platform) => fits(platform, entry)));
  const digests = new Set(kept.map(({ digest }) => digest));
  return entries.filter((entry) => {
    const subject = entry.annotations?.[SUBJECT];
    return subject === undefined ? digests.has(entry.digest) : digests.has(subject);
  });
}

/** The part of an index that is wanted, as a document of its own. Platforms: none means all. */
function selected(
  reference: Reference,
  found: Found,
  platforms: readonly string[],
  where: Where | undefined,
): Found {
  if (!isIndex(found)) return found;
  const document = parseDocument(index, found.data, `The index of ${reference.full}`);
  const manifests =
    platforms.length === 0 ? document.manifests : chosen(reference, document.manifests, platforms, where);
  if (manifests.length === document.manifests.length) return found;
  const data = Buffer.from(JSON.stringify({ ...document, manifests }));
  return { descriptor: { ...found.descriptor, digest: digestOf(data), size: data.length }, data };
}

async function collect(
  puller: Puller,
  source: ImageSource,
  reference: Reference,
  { descriptor, data }: Found,
  blobs: Map<string, Blob>,
): Promise<void> {
  const own = await storeData(puller, data);
  blobs.set(own.digest, own);
  if (isIndex({ descriptor, data })) {
    const { manifests } = parseDocument(index, data, `The index of ${reference.full}`);
    for (const entry of manifests) {
      const inner = { descriptor: entry, data: await source.read(reference, entry) };
      await collect(puller, source, reference, inner, blobs);
    }
    return;
  }
  const { config, layers } = parseDocument(manifest, data, `The manifest of ${reference.full}`);
  for (const part of [config, ...layers]) {
    const blob = await takeBlob(puller, source, reference, part);
    blobs.set(blob.digest, blob);
  }
}

/** A layout that holds one image under its name. Throws E_IMAGE, E_NETWORK, E_SIGNATURE. */
export async function pullLayout(
  puller: Puller,
  reference: Reference,
  platforms: readonly string[],
  where: Where | undefined,
): Promise<StoredLayout> {
  const key = sha256(
    canonicalJson({ record: 'oci-layout', version: 1, name: reference.full, platforms: [...platforms] }),
  );
  for (const source of [...puller.layouts, puller.registry]) {
    if (source === puller.registry && !puller.refresh) {
      const known = await lookup(puller.store, key);
      if ('result' in known) return known.result.facts['layout'] as unknown as StoredLayout;
    }
    const whole = await source.find(reference);
    if (whole === undefined) continue;
    const found = selected(reference, whole, platforms, where);
    puller.onFetch?.(reference, source.name);
    const blobs = new Map<string, Blob>();
    await collect(puller, source, reference, found, blobs);
    const mediaType = isIndex(found) ? INDEX_TYPES[0]! : found.descriptor.mediaType;
    const entry = {
      ...{ mediaType, digest: found.descriptor.digest, size: found.descriptor.size },
      annotations: { 'org.opencontainers.image.ref.name': reference.full },
    };
    const sorted = [...blobs.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
    const layout = {
      index: JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPES[0], manifests: [entry] }),
      blobs: sorted,
    };
    if (source === puller.registry) {
      await saveResult(puller.store, {
        ...{ key, sets: {}, trees: {}, epoch: 0, ms: 0 },
        files: Object.fromEntries(sorted.map((blob) => [blob.digest, blob])),
        facts: { layout: layout as unknown as Json },
      });
    }
    return layout;
  }
  throw new OsmithError('E_IMAGE', `There is no image ${reference.full}`, {
    where,
    hint: 'Build or push it, or name the layout that has it with --layout',
  });
}
