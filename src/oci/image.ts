/** From what a reference names to one image for one architecture. */
import { z } from 'zod';
import { OsmithError, type Where } from '../errors.ts';
import type { Reference } from './reference.ts';
import type { Found, ImageSource } from './source.ts';
import {
  imageConfig,
  index,
  INDEX_TYPES,
  isConfigType,
  manifest,
  parseDocument,
  type Descriptor,
  type ImageConfig,
  type Manifest,
} from './types.ts';

/** What says whether there is more to a manifest. */
const configured = z.looseObject({ config: z.looseObject({ mediaType: z.string() }).optional() });

/** Attestations stand in an index beside the images that they are about. */
const ATTESTATION = 'vnd.docker.reference.type';

export interface ImageDocuments {
  /** What the reference named: an index or a manifest. */
  root: Descriptor;
  manifestDescriptor: Descriptor;
  manifest: Manifest;
  config: ImageConfig;
  /** Byte for byte. */
  raw: { manifest: Buffer; config: Buffer };
  /** Manifests of what whoever built the image says about it. */
  attestations: Descriptor[];
}

/** Which image an attestation is about. */
export const SUBJECT = 'vnd.docker.reference.digest';

function attestationsOf(index: readonly Descriptor[], { digest }: Descriptor): Descriptor[] {
  return index.filter(
    ({ annotations }) =>
      annotations?.[ATTESTATION] === 'attestation-manifest' && annotations[SUBJECT] === digest,
  );
}

/** A document says itself what it is; the media type of who names it may be missing or wrong. */
export function isIndex({ descriptor, data }: Found): boolean {
  const { mediaType, manifests } = JSON.parse(data.toString('utf8')) as {
    mediaType?: unknown;
    manifests?: unknown;
  };
  if (typeof mediaType === 'string') return INDEX_TYPES.includes(mediaType);
  return Array.isArray(manifests) || INDEX_TYPES.includes(descriptor.mediaType);
}

function platformName({ platform }: Descriptor): string {
  if (platform === undefined) return 'unknown';
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/');
}

/** Manifests of an index that are images rather than attestations about them. */
export function imagesOf(entries: readonly Descriptor[]): Descriptor[] {
  return entries.filter((entry) => entry.annotations?.[ATTESTATION] === undefined);
}

function forArch(
  manifests: readonly Descriptor[],
  reference: Reference,
  arch: string,
  where?: Where,
): Descriptor {
  const entries = imagesOf(manifests);
  const fits = entries.find(({ platform }) => platform?.os === 'linux' && platform.architecture === arch);
  // An entry without platform has to be looked at.
  const chosen = fits ?? entries.find(({ platform }) => platform === undefined);
  if (chosen !== undefined) return chosen;
  const has = entries.map(platformName).join(', ') || 'nothing';
  throw new OsmithError(
    'E_IMAGE',
    `The index of ${reference.full} does not contain the target platform linux/${arch}; it has ${has}`,
    { where, hint: 'Build the image for this architecture, or choose another with --arch' },
  );
}

/** Reads index, manifest and configuration. Throws E_IMAGE for what is no image for this architecture. */
export async function readImage(
  source: ImageSource,
  reference: Reference,
  found: Found,
  arch: string,
  where?: Where,
): Promise<ImageDocuments> {
  let { descriptor, data } = found;
  let siblings: Descriptor[] = [];
  for (let depth = 0; ; depth += 1) {
    parseDocument(z.looseObject({}), data, `The manifest of ${reference.full}`);
    if (!isIndex({ descriptor, data })) break;
    if (depth === 3) throw new OsmithError('E_IMAGE', `The index of ${reference.full} only leads to indexes`);
    siblings = parseDocument(index, data, `The index of ${reference.full}`).manifests;
    descriptor = forArch(siblings, reference, arch, where);
    data = await source.read(reference, descriptor);
  }
  const { config: named } = parseDocument(configured, data, `The manifest of ${reference.full}`);
  if (!isConfigType(named?.mediaType ?? '')) {
    const instead = named === undefined ? 'none' : named.mediaType;
    throw new OsmithError(
      'E_IMAGE',
      `${reference.full} is an image without config: its manifest names ${instead}`,
      { where, hint: 'It holds something else than a file system: name another image' },
    );
  }
  const parsed = parseDocument(manifest, data, `The manifest of ${reference.full}`);
  const raw = await source.read(reference, parsed.config);
  const config = parseDocument(imageConfig, raw, `The config of ${reference.full}`);
  if (config.architecture !== arch || config.os !== 'linux') {
    throw new OsmithError(
      'E_IMAGE',
      `${reference.full} is an image for ${config.os}/${config.architecture}, not for linux/${arch}`,
      { where, hint: 'Build the image for this architecture, or choose another with --arch' },
    );
  }
  if (config.rootfs.diff_ids.length !== parsed.layers.length) {
    throw new OsmithError(
      'E_IMAGE',
      `${reference.full} has ${parsed.layers.length} layers, but its config lists ${config.rootfs.diff_ids.length}`,
      { where },
    );
  }
  return {
    ...{ root: found.descriptor, manifestDescriptor: descriptor, manifest: parsed, config },
    attestations: attestationsOf(siblings, descriptor),
    raw: { manifest: data, config: raw },
  };
}
