/** Image layouts on disk: made of images that the store has, and read into what the store keeps of one. */
import { link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageConfig, index, manifest, parseDocument, type Descriptor } from './types.ts';
import { imageBlobs, type StoredImage } from './stored.ts';
import { blobPath } from '../run/store.ts';

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';

/** Where a blob is, by the hex digits of its digest. */
export type PathOf = (digest: string) => string;

/** What names the image in an index. */
export async function imageDescriptor(pathOf: PathOf, image: StoredImage): Promise<Descriptor> {
  const { manifest: blob } = image.documents;
  const text = await readFile(pathOf(blob.digest), 'utf8');
  const { mediaType } = JSON.parse(text) as { mediaType?: string };
  return {
    mediaType: mediaType ?? MANIFEST_TYPE,
    digest: `sha256:${blob.digest}`,
    size: blob.size,
    platform: { architecture: image.config.architecture, os: image.config.os },
  };
}

export interface NamedImage {
  image: StoredImage;
  name: string;
}

/** A layout of images of the store; hard links, since the store's files never change. Names may stand for several architectures. */
export async function writeImageLayout(
  store: string,
  dir: string,
  images: readonly NamedImage[],
): Promise<void> {
  const blobs = join(dir, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const digests = new Set(images.flatMap(({ image }) => imageBlobs(image).map(({ digest }) => digest)));
  const pathOf: PathOf = (digest) => blobPath({ dir: store }, digest);
  for (const digest of digests) await link(pathOf(digest), join(blobs, digest));
  const manifests = await Promise.all(
    images.map(async ({ image, name }) => ({
      ...(await imageDescriptor(pathOf, image)),
      annotations: { 'org.opencontainers.image.ref.name': name },
    })),
  );
  await writeFile(
    join(dir, 'index.json'),
    JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }),
  );
  await writeFile(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}

/** The one image of a layout that a program wrote; its files by digest. */
export async function readImageLayout(
  dir: string,
  name: string,
): Promise<{ image: StoredImage; files: string[] }> {
  const read = (digest: string) => readFile(join(dir, 'blobs/sha256', digest.slice('sha256:'.length)));
  const list = parseDocument(index, await readFile(join(dir, 'index.json')), `${dir}/index.json`);
  const [entry] = list.manifests;
  const document = parseDocument(manifest, await read(entry!.digest), 'The manifest that was built');
  const config = parseDocument(imageConfig, await read(document.config.digest), 'The config that was built');
  const blob = ({ digest, size }: Descriptor) => ({ digest: digest.slice('sha256:'.length), size });
  const image: StoredImage = {
    name,
    digest: entry!.digest,
    layers: document.layers.map(({ digest, size, mediaType }) => ({ digest, size, mediaType })),
    config,
    documents: { manifest: blob(entry!), config: blob(document.config) },
  };
  return { image, files: imageBlobs(image).map(({ digest }) => digest) };
}
