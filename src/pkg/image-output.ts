/** An image of layers that a step made: its documents, as all steps that make images hand them on. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MANIFEST_TYPE } from '../oci/layout-files.ts';
import type { StoredImage } from '../oci/stored.ts';
import { imageConfig, parseDocument } from '../oci/types.ts';
import type { Json } from '../plan/types.ts';
import { canonicalJson } from '../run/key.ts';
import type { Blob } from '../steps/types.ts';

const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ImageRequest {
  name: string;
  arch: string;
  /** Uncompressed, lowest first. */
  layers: readonly Blob[];
  env?: readonly string[];
  labels?: Readonly<Record<string, string>>;
}

interface ImageOutput {
  sets: { image: Record<string, string | Blob> };
  facts: { image: Json };
}

/** The documents go into the step's work directory. */
export async function imageOutput(work: string, request: ImageRequest): Promise<ImageOutput> {
  const { name, arch, env = [], labels = {} } = request;
  const layers = request.layers.map(({ digest, size }) => ({
    ...{ mediaType: LAYER_TYPE, digest: `sha256:${digest}`, size },
  }));
  const files: Record<string, string | Blob> = {};
  const write = async (file: string, value: unknown): Promise<Blob> => {
    const text = canonicalJson(value);
    await writeFile(join(work, file), text);
    const blob = { digest: createHash('sha256').update(text).digest('hex'), size: Buffer.byteLength(text) };
    files[blob.digest] = file;
    return blob;
  };
  const value = {
    architecture: arch,
    os: 'linux',
    config: {
      Env: [`PATH=${PATH}`, ...env],
      ...(Object.keys(labels).length > 0 && { Labels: labels }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  };
  const config = await write('config.json', value);
  const manifest = await write('manifest.json', {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: {
      ...{ mediaType: 'application/vnd.oci.image.config.v1+json', digest: `sha256:${config.digest}` },
      size: config.size,
    },
    layers,
  });
  const image: StoredImage = {
    ...{ name, digest: `sha256:${manifest.digest}`, layers, documents: { manifest, config } },
    config: parseDocument(imageConfig, Buffer.from(canonicalJson(value)), name),
  };
  for (const blob of request.layers) files[blob.digest] = blob;
  return { sets: { image: files }, facts: { image: image as unknown as Json } };
}
