/** The documents of the OCI image specification, as far as they are read; Docker's older names for them included. */
import { z } from 'zod';
import { OsmithError } from '../errors.ts';
import { DIGEST } from './reference.ts';

const platform = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
});

export const descriptor = z.looseObject({
  mediaType: z.string(),
  digest: z.string().regex(DIGEST, 'expected sha256: and 64 hex digits'),
  size: z.int().min(0),
  platform: platform.optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});
export type Descriptor = z.infer<typeof descriptor>;

export const index = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  manifests: z.array(descriptor),
});
export type Index = z.infer<typeof index>;

export const manifest = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  config: descriptor,
  layers: z.array(descriptor),
});
export type Manifest = z.infer<typeof manifest>;

/** Go writes empty lists and maps as null. */
const strings = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);

export const imageConfig = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
  config: z
    .looseObject({
      Entrypoint: strings,
      Cmd: strings,
      Env: strings,
      WorkingDir: z.string().default(''),
      Labels: z
        .record(z.string(), z.string())
        .nullish()
        .transform((labels) => labels ?? {}),
    })
    .nullish(),
  rootfs: z.looseObject({ diff_ids: z.array(z.string()) }),
});
export type ImageConfig = z.infer<typeof imageConfig>;

export const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const CONFIG_TYPES = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];

export function isConfigType(mediaType: string): boolean {
  return CONFIG_TYPES.includes(mediaType);
}

/** JSON of one of these kinds. `what` names it for people. Throws E_IMAGE. */
export function parseDocument<T>(schema: z.ZodType<T>, data: Buffer, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(data.toString('utf8'));
  } catch (cause) {
    throw new OsmithError('E_IMAGE', `${what} is not JSON`, { cause, hint: DAMAGED });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new OsmithError('E_IMAGE', `${what} is malformed at ${path.join('.') || 'its root'}: ${message}`, {
    hint: DAMAGED,
  });
}

const DAMAGED = 'The image is damaged or no OCI image: build or push it again';
