/**
 * The rules for entries with `Builder: oci-import`: an image layout in git that holds one image and nothing that is not
 * described (bashbrew's registry and oci packages).
 */
import { z } from 'zod';
import { digestOf } from '../../oci/verify.ts';
import { readBlob, type GitOptions, type TreeFile } from './git.ts';

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'expected sha256: and 64 hex digits');
const annotations = z.record(z.string(), z.string()).optional();
const platform = z.strictObject({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
  'os.version': z.string().optional(),
  'os.features': z.array(z.string()).optional(),
});
const described = { digest, size: z.int().min(0), annotations, platform: platform.optional() };
const descriptor = (types: [string, ...string[]]) =>
  z.strictObject({ mediaType: z.enum(types), ...described });

const OCI = 'application/vnd.oci.image';
const layout = z.strictObject({ imageLayoutVersion: z.literal('1.0.0') });
const index = z.strictObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(`${OCI}.index.v1+json`).optional(),
  manifests: z.array(descriptor([`${OCI}.manifest.v1+json`])).length(1, 'expected exactly one manifest'),
  annotations,
});
const manifest = z.strictObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(`${OCI}.manifest.v1+json`).optional(),
  config: descriptor([`${OCI}.config.v1+json`]),
  layers: z
    .array(descriptor([`${OCI}.layer.v1.tar`, `${OCI}.layer.v1.tar+gzip`, `${OCI}.layer.v1.tar+zstd`]))
    .min(1, 'expected at least one layer'),
  annotations,
});
const config = z.looseObject({ os: z.string(), architecture: z.string(), variant: z.string().optional() });

/** What bashbrew's architectures are called in images. */
const PLATFORMS: Record<string, string> = {
  arm32v5: 'arm/v5',
  arm32v6: 'arm/v6',
  arm32v7: 'arm/v7',
  arm64v8: 'arm64',
  i386: '386',
};

type Described = { digest: string; size: number };

/** What is wrong with the layout that these files are; sentences that name the file. */
export async function lintOci(
  files: readonly TreeFile[],
  arch: string | undefined,
  options: GitOptions,
): Promise<string[]> {
  const faults: string[] = [];
  const byPath = new Map(files.map((file) => [file.path, file]));

  async function content(path: string): Promise<Buffer | undefined> {
    const file = byPath.get(path);
    if (file === undefined) {
      faults.push(`${path} is missing`);
      return undefined;
    }
    return readBlob(file.id, options);
  }

  async function document<T>(
    schema: z.ZodType<T>,
    path: string,
    data: Buffer | undefined,
  ): Promise<T | undefined> {
    if (data === undefined) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(data.toString());
    } catch {
      faults.push(`${path} is not JSON`);
      return undefined;
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const { path: at, message } of parsed.error.issues)
      faults.push(`${path}: ${at.join('.')}: ${message}`);
    return undefined;
  }

  async function blob(what: string, { digest: wanted, size }: Described): Promise<Buffer | undefined> {
    const path = `blobs/${wanted.replace(':', '/')}`;
    const data = await content(path);
    if (data === undefined) return undefined;
    if (data.length !== size) faults.push(`${path} (${what}) has ${data.length} bytes instead of ${size}`);
    else if (digestOf(data) !== wanted)
      faults.push(`${path} (${what}) has other contents than its name says`);
    else return data;
    return undefined;
  }

  await document(layout, 'oci-layout', await content('oci-layout'));
  const root = await document(index, 'index.json', await content('index.json'));
  const [entry] = root?.manifests ?? [];
  if (entry === undefined) return faults;
  const image = await document(manifest, 'the manifest', await blob('the manifest', entry));
  if (image === undefined) return faults;
  const settings = await document(config, 'the config', await blob('the config', image.config));
  for (const layer of image.layers) await blob('a layer', layer);
  if (settings !== undefined && arch !== undefined) {
    const found = [settings.architecture, settings.variant].filter((part) => part !== undefined).join('/');
    const wanted = PLATFORMS[arch] ?? arch;
    if (settings.os !== 'linux' || (found !== wanted && found !== `${wanted}/v8`)) {
      faults.push(`The image is for ${settings.os}/${found}, and the entry for ${arch}`);
    }
  }
  return faults;
}
