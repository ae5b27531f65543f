/** Steps of a system that is deployed from an OSTree commit: commit, repository, deployment, disk. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { bootFiles, CONVERTED, kernelCmdline, partitionLayout, sizeParam, type Output } from './package.ts';
import type { Step, StepInput } from './types.ts';

/** An OSTree ref: names with slashes between them. */
function refOf(config: Config): string {
  const ref = config.get('ostree', 'ref');
  if (/^[\w.-]+(\/[\w.-]+)*$/.test(ref)) return ref;
  throw new OsmithError('E_CONFIG', `ostree.ref is no name of a branch: ${JSON.stringify(ref)}`, {
    where: config.where('ostree', 'ref'),
    hint: 'Use names of letters, digits and . _ - with / between them',
  });
}

/** All steps of the stage, and the outputs that they can make by format name. */
export function ostreeSteps(
  config: Config,
  { name, arch }: { name: string; arch: string },
  root: StepInput,
  tools: { tools?: string },
): { steps: Step[]; outputs: Map<string, Output> } {
  const boot = bootFiles(config, arch);
  const ref = refOf(config);
  const os = config.get('ostree', 'os');
  const title = config.get('image', 'title');
  const collectionId = config.find('ostree', 'collection_id')?.trim() ?? '';
  const step = (id: string, kind: string, params: Step['params'], inputs: Step['inputs']): Step => ({
    ...{ id: `package/${id}`, kind, stage: 'package', params, inputs, ...tools },
  });
  const from = (id: string, output: string): StepInput => ({ step: `package/${id}`, output });
  const { vmlinuz, shim, grub, mm } = boot;
  const version = config.find('ostree', 'version')?.trim() ?? '';
  const url = config.find('ostree', 'url')?.trim() ?? '';
  const bootInputs = Object.fromEntries(
    ['shim', 'grub', 'mm'].map((file) => [file, from('boot-files', file)]),
  );
  const steps = [
    step('boot-files', 'extract', { files: { vmlinuz, shim, grub, mm } }, { root }),
    step('commit', 'ostree-commit', { ref, subject: title, version, collectionId }, { root }),
    step('repo', 'archive', { what: 'the OSTree repository' }, { tree: from('commit', 'repo') }),
    step(
      'deployment',
      'ostree-deploy',
      {
        ...{ os, ref, kargs: kernelCmdline(config).split(' ').filter(Boolean) },
        remote: { name: os, url: url || 'http://localhost', gpgVerify: false, collectionId },
      },
      { repo: from('commit', 'repo') },
    ),
    step(
      'root',
      'filesystem',
      { format: 'ext4', label: 'ostree', headroom: config.size('image', 'headroom') },
      { root: from('deployment', 'sysroot') },
    ),
    step(
      'disk',
      'disk',
      {
        ...{ layout: partitionLayout(config), arch, system: 'ostree', name, cmdline: '', title },
        ...{ label: 'EFI', grubDir: boot.grubDir, bios: arch === 'amd64' },
        ...sizeParam(config, 'max_size', 'maxSize'),
      },
      { ...bootInputs, root: from('root', 'image') },
    ),
    ...CONVERTED.map((format) => step(format, 'convert', { format }, { raw: from('disk', 'raw') })),
  ];
  const outputs = new Map<string, Output>([
    ['raw', { extension: 'raw', from: from('disk', 'raw') }],
    ['ostree', { extension: 'ostree.tar', from: from('repo', 'tar') }],
    ...CONVERTED.map((format): [string, Output] => [
      format,
      { extension: format, from: from(format, 'file') },
    ]),
  ]);
  return { steps, outputs };
}
