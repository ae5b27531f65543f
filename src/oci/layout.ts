/** Image layouts: a directory with `oci-layout`, `index.json` and `blobs/` (OCI image specification, "Image Layout"). */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isSystemError, OsmithError } from '../errors.ts';
import { parseReference, sameReference, type Reference } from './reference.ts';
import { MAX_DOCUMENT, type Found, type ImageSource } from './source.ts';
import { INDEX_TYPES, index, parseDocument, type Descriptor, type Index } from './types.ts';
import { copyVerified, digestOf, verifyData } from './verify.ts';

const marker = z.looseObject({ imageLayoutVersion: z.literal('1.0.0') });

/** Annotations in which programs keep the name of an image. */
const NAMES = ['org.opencontainers.image.ref.name', 'io.containerd.image.name'];

function blobFile(dir: string, digest: string): string {
  return join(dir, 'blobs', ...digest.split(':'));
}

async function readPart(dir: string, file: string): Promise<Buffer> {
  try {
    return await readFile(join(dir, file));
  } catch (cause) {
    throw new OsmithError('E_IMAGE', `${dir} is no OCI image layout: ${(cause as Error).message}`, {
      cause,
      hint: 'Name a directory that holds oci-layout, index.json and blobs/',
    });
  }
}

/** Whether an entry of the index carries this name. Names that are no references, such as a bare tag, name nothing. */
function isNamed(entry: Descriptor, wanted: Reference): boolean {
  return NAMES.some((key) => {
    const name = entry.annotations?.[key];
    if (name === undefined) return false;
    try {
      return sameReference(parseReference(name), wanted);
    } catch {
      return false;
    }
  });
}

/** Opens a layout. Throws E_IMAGE if the directory is none. */
export async function openLayout(dir: string): Promise<ImageSource> {
  parseDocument(marker, await readPart(dir, 'oci-layout'), `${dir}/oci-layout`);
  const entries = parseDocument(index, await readPart(dir, 'index.json'), `${dir}/index.json`).manifests;
  const name = `layout ${dir}`;

  async function read(_reference: Reference, descriptor: Descriptor): Promise<Buffer> {
    const file = blobFile(dir, descriptor.digest);
    if (descriptor.size > MAX_DOCUMENT) {
      throw new OsmithError('E_IMAGE', `${file} is too large for what it is: ${descriptor.size} bytes`);
    }
    const data = await readFile(file).catch((cause: unknown) => {
      throw missing(dir, descriptor, cause);
    });
    verifyData(data, descriptor, file);
    return data;
  }

  async function find(reference: Reference): Promise<Found | undefined> {
    const matches = entries.filter((entry) =>
      reference.digest === undefined ? isNamed(entry, reference) : entry.digest === reference.digest,
    );
    const [first] = matches;
    if (first === undefined) return undefined;
    if (matches.length === 1) return { descriptor: first, data: await read(reference, first) };
    // Several entries with one name are one image for several platforms.
    const joined: Index = { schemaVersion: 2, mediaType: INDEX_TYPES[0]!, manifests: matches };
    const data = Buffer.from(JSON.stringify(joined));
    return { descriptor: { mediaType: INDEX_TYPES[0]!, digest: digestOf(data), size: data.length }, data };
  }

  async function fetch(_reference: Reference, descriptor: Descriptor, file: string): Promise<void> {
    const from = blobFile(dir, descriptor.digest);
    await stat(from).catch((cause: unknown) => {
      throw missing(dir, descriptor, cause);
    });
    await copyVerified(from, descriptor, file);
  }

  return { name, find, read, fetch };
}

function missing(dir: string, { digest }: Descriptor, cause: unknown): unknown {
  if (!isSystemError(cause) || cause.code !== 'ENOENT') return cause;
  return new OsmithError('E_IMAGE', `The image layout ${dir} lacks ${digest}`, {
    cause,
    hint: 'It was copied in part: copy the image into the layout again',
  });
}
