/** Steps that turn a tree into what containers start from: the root file system as a tar, and an OCI image of it. */
import type { Config } from '../config/index.ts';
import { withApps } from './flatpak.ts';
import type { Output, PackageMaker } from './outputs.ts';
import type { Step, StepInput } from './types.ts';

const STAGE = 'package';

/** Labels by the options that set them, as the OCI image specification calls both. */
const LABELS = [
  ...['title', 'description', 'authors', 'url', 'documentation', 'source', 'vendor', 'licenses'],
  'revision',
];

function labels(config: Config): Record<string, string> {
  const set = LABELS.map((name) => [
    `org.opencontainers.image.${name}`,
    config.find('container', name)?.trim() ?? '',
  ]);
  return Object.fromEntries(set.filter(([, value]) => value !== '')) as Record<string, string>;
}

export const containerSteps: PackageMaker = (config, { arch }, tree, tools, apps) => {
  const { steps: stack, tree: root } = withApps(apps, { id: 'package/apps', stage: STAGE, base: tree });
  const step = (id: string, kind: string, params: Step['params'], inputs: Step['inputs']): Step => ({
    ...{ id: `${STAGE}/${id}`, kind, stage: STAGE, params, inputs, ...tools },
  });
  const from = (id: string, output: string): StepInput => ({ step: `${STAGE}/${id}`, output });
  const tar = from('rootfs', 'tar');
  const packed = from('rootfs-zst', 'file');
  const isGzip = config.get('container', 'layer') === 'gzip';
  const exclude = config.list('container', 'exclude');
  const image = {
    arch,
    layers: ['root'],
    layer: isGzip ? 'gzip' : 'zstd',
    name: config.get('container', 'name'),
    version: config.find('container', 'version')?.trim() ?? '',
    command: config.list('container', 'command'),
    env: config.list('container', 'env'),
    labels: labels(config),
  };
  const steps = [
    ...stack,
    step('rootfs', 'archive', { what: 'the root file system', exclude }, { tree: root }),
    step('rootfs-zst', 'compress', { what: 'the root file system', format: 'zst' }, { file: tar }),
    ...(isGzip ? [step('layer', 'compress', { what: 'the layer', format: 'gz' }, { file: tar })] : []),
    step('image', 'container-image', image, {
      'tar/root': tar,
      'layer/root': isGzip ? from('layer', 'file') : packed,
    }),
  ];
  const outputs = new Map<string, Output>([
    ['tar.zst', { extension: 'tar.zst', from: packed, unpacked: tar }],
    ['oci.tar', { extension: 'oci.tar', from: from('image', 'file') }],
  ]);
  return { steps, outputs };
};
