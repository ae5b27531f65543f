/** Images of the store into a registry: what it lacks, then the manifests, then what names them. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import pLimit from 'p-limit';
import { OsmithError } from '../errors.ts';
import { imageDescriptor, INDEX_TYPE, type PathOf } from './layout-files.ts';
import type { Blob } from '../steps/types.ts';
import { HttpError, openSession, PATIENT, registryUrl, retrying, type Session } from './http.ts';
import { imageBlobs, type StoredImage } from './stored.ts';
import type { Reference } from './reference.ts';
import { digestOf } from './verify.ts';

const PARALLEL = 4;

async function has(session: Session, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    await session.send(path, { method: 'HEAD' }, signal);
    return true;
  } catch (error) {
    if (error instanceof HttpError && error.status === 404) return false;
    throw error;
  }
}

/** One attempt; the registry itself compares the digest. */
async function sendBlob(
  pathOf: PathOf,
  session: Session,
  { digest, size }: Blob,
  signal: AbortSignal,
): Promise<void> {
  if (await has(session, `blobs/sha256:${digest}`, signal)) return;
  const begun = await session.send('blobs/uploads/', { method: 'POST' }, signal);
  const location = begun.headers.get('location') ?? '';
  const target = new URL(location, begun.url);
  target.searchParams.set('digest', `sha256:${digest}`);
  const stream = createReadStream(pathOf(digest), { highWaterMark: 1 << 20 });
  try {
    const body = Readable.toWeb(stream) as ReadableStream;
    const headers = { 'content-length': String(size), 'content-type': 'application/octet-stream' };
    await session.send(target.href, { method: 'PUT', headers, body }, signal);
  } finally {
    stream.destroy();
  }
}

async function putManifest(
  session: Session,
  version: string,
  data: Buffer,
  type: string,
  signal: AbortSignal,
): Promise<void> {
  await session.send(
    `manifests/${version}`,
    { method: 'PUT', headers: { 'content-type': type }, body: data },
    signal,
  );
}

function failure({ full, registry }: Reference, error: unknown): unknown {
  if (error instanceof OsmithError || !(error instanceof Error)) return error;
  const denied = error instanceof HttpError && [401, 403].includes(error.status);
  const cause = error.cause instanceof Error ? error.cause.message || error.message : error.message;
  return new OsmithError('E_NETWORK', `Cannot push ${full}: ${cause}`, {
    cause: error,
    hint: denied
      ? `Log in to ${registry} with docker, podman or skopeo, as somebody who may push there`
      : `Check the network and ${registry}, then push again; what arrived is kept`,
  });
}

/** The index of images for several architectures, as it is pushed. */
export async function imageIndex(pathOf: PathOf, images: readonly { image: StoredImage }[]): Promise<Buffer> {
  const manifests = await Promise.all(images.map(({ image }) => imageDescriptor(pathOf, image)));
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }));
}

/**
 * Pushes the images of one reference: each under its tag with the architecture behind it, then an index of all of them under
 * the tag. Returns the index's digest. Throws E_NETWORK.
 */
export async function pushImages(
  pathOf: PathOf,
  reference: Reference,
  images: readonly { image: StoredImage; arch: string }[],
  signal: AbortSignal,
): Promise<string> {
  const session = openSession(registryUrl(reference.registry), reference.registry, reference.repository);
  const tag = reference.tag ?? 'latest';
  const patiently = <T>(work: () => Promise<T>) => retrying(work, PATIENT, signal);
  const limit = pLimit(PARALLEL);
  try {
    const blobs = images.flatMap(({ image }) =>
      imageBlobs(image).filter(({ digest }) => digest !== image.documents.manifest.digest),
    );
    const unique = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
    await Promise.all(
      unique.map((blob) => limit(() => patiently(() => sendBlob(pathOf, session, blob, signal)))),
    );
    for (const { image, arch } of images) {
      const { mediaType } = await imageDescriptor(pathOf, image);
      const data = await readFile(pathOf(image.documents.manifest.digest));
      await patiently(() => putManifest(session, `${tag}-${arch}`, data, mediaType, signal));
    }
    const index = await imageIndex(pathOf, images);
    await patiently(() => putManifest(session, tag, index, INDEX_TYPE, signal));
    return digestOf(index);
  } catch (error) {
    signal.throwIfAborted();
    throw failure(reference, error);
  }
}
