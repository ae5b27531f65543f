/**
 * An OCI image of layers, lowest first, as one tar: an image layout (OCI image specification) that also has the
 * `manifest.json` by which `docker load` finds its way.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { writeTar } from '../../disk/tar-writer.ts';
import { INDEX_TYPE, MANIFEST_TYPE } from '../../oci/layout-files.ts';
import { digestOf } from '../../oci/verify.ts';
import { OsmithError } from '../../errors.ts';
import { canonicalJson } from '../../run/key.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  arch: z.string(),
  /** What `docker load` calls it. */
  name: z.string(),
  /** Empty: the date. */
  version: z.string(),
  /** Empty: nothing runs in it. */
  command: z.array(z.string()),
  env: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  /** Each is two inputs: `tar/NAME`, and `layer/NAME`, which is the same packed. */
  layers: z.array(z.string()).min(1),
  /** How they are packed. */
  layer: z.enum(['gzip', 'zstd']),
});
type Params = z.infer<typeof params>;

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What the image specification has names for. */
export const OCI = 'org.opencontainers.image';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

interface Blob {
  mediaType: string;
  digest: string;
  size: number;
}

/** `20260816` */
export function dateVersion(epoch: number): string {
  return new Date(epoch * 1000).toISOString().slice(0, 10).replaceAll('-', '');
}

/** The configuration of the image: what a container of it runs, and what it is. */
function imageConfig(
  { arch, command, env, labels }: Params,
  version: string,
  epoch: number,
  diffs: readonly string[],
) {
  const created = new Date(epoch * 1000).toISOString().replace('.000Z', 'Z');
  const path = env.some((each) => each.startsWith('PATH=')) ? [] : [PATH];
  const runs = command.length === 0 ? {} : { Env: [...path, ...env], Cmd: command };
  return {
    created,
    architecture: arch,
    os: 'linux',
    ...(arch === 'arm64' ? { variant: 'v8' } : {}),
    config: {
      ...runs,
      Labels: { ...labels, [`${OCI}.version`]: version, [`${OCI}.created`]: created },
    },
    rootfs: { type: 'layers', diff_ids: diffs },
    history: diffs.map(() => ({ created, created_by: 'osmith build' })),
  };
}

export default defineStep<Params>({
  kind: 'container-image',
  summary: ({ arch, layer, layers }) => `Make the image for ${arch} (${layers.length} × ${layer})`,
  params,
  async run(context) {
    const { name, layer: packing, layers: names, arch } = context.params;
    const version = context.params.version || dateVersion(context.epoch);
    if (!/^\w[\w.-]{0,127}$/.test(version))
      throw new OsmithError('E_STEP', `container.version can be no tag of an image: ${version}`, {
        hint: 'Use letters, digits and . _ -',
      });
    const layers = names.map((each) => {
      const { digest, size } = context.blob(`layer/${each}`);
      return { mediaType: `${LAYER_TYPE}+${packing}`, digest: `sha256:${digest}`, size };
    });
    const blobs = new Map<string, Buffer>();
    const add = (mediaType: string, value: unknown): Blob => {
      const data = Buffer.from(canonicalJson(value));
      blobs.set(digestOf(data), data);
      return { mediaType, digest: digestOf(data), size: data.length };
    };
    const diffs = names.map((each) => `sha256:${context.blob(`tar/${each}`).digest}`);
    const config = add(CONFIG_TYPE, imageConfig(context.params, version, context.epoch, diffs));
    const head = { schemaVersion: 2, mediaType: MANIFEST_TYPE };
    const manifest = add(MANIFEST_TYPE, { ...head, config, layers });
    const index = {
      ...{ schemaVersion: 2, mediaType: INDEX_TYPE },
      manifests: [
        {
          ...manifest,
          platform: { architecture: arch, os: 'linux', ...(arch === 'arm64' ? { variant: 'v8' } : {}) },
          annotations: { 'org.opencontainers.image.ref.name': version },
        },
      ],
    };
    const path = ({ digest: each }: Pick<Blob, 'digest'>) => `blobs/${each.replace(':', '/')}`;
    const forDocker = [{ Config: path(config), RepoTags: [`${name}:${version}`], Layers: layers.map(path) }];
    const files = new Map(layers.map(({ digest }, index) => [digest, context.path(`layer/${names[index]}`)]));
    const members = [
      { name: 'oci-layout', source: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
      { name: 'index.json', source: Buffer.from(canonicalJson(index)) },
      { name: 'manifest.json', source: Buffer.from(canonicalJson(forDocker)) },
      ...[...blobs].map(([each, source]) => ({ name: path({ digest: each }), source })),
      ...[...files].map(([digest, file]) => ({ name: path({ digest }), source: { file } })),
    ];
    await writeTar(join(context.work, 'image.oci.tar'), members, context.epoch);
    return { files: { file: 'image.oci.tar' }, facts: { digest: manifest.digest, version } };
  },
});
