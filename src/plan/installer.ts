/** Steps that make installers: for USB sticks, for CDs, and for machines that start over the network. */
import type { Item } from '../compose/items.ts';
import { INSTALL_FILE } from '../disk/install-manifest.ts';
import type { DiskLayout } from '../disk/layout.ts';
import type { MakeStep } from './disk-formats.ts';
import { LOADERS, NET_LOADERS, type SignedBoot } from './loaders.ts';
import type { Output } from './outputs.ts';
import type { Json, Step, StepInput } from './types.ts';

/** What the installer itself is composed of. */
export interface InstallerSystem {
  items: readonly Item[];
  cmdline: string;
}

export const INSTALLER_FORMATS = ['installer.raw', 'installer.iso', 'installer.pxe'];

export interface InstallerRequest {
  name: string;
  title: string;
  arch: string;
  step: MakeStep;
  signed: SignedBoot;
  /** Of the medium, and of the disks that it makes. */
  layouts: { medium: DiskLayout; installed: DiskLayout };
  /** Partitions of both by what options call them; `config` is also that of the medium. */
  roles: { root: string; config: string; persist: string };
  label: string;
  /** The finished disk, and the volume with its configuration. */
  disk: StepInput;
  config: StepInput;
  packed: { compression: Json; level: Json };
}

/** Partition of the medium with what is to be installed; those without have it as a file. */
const PARTITION = 'installer';

export function installerOutputs(): [string, Output][] {
  const from = (id: string, output: string) => ({ step: `package/${id}`, output });
  return [
    ['installer.raw', { extension: 'installer.raw', from: from('installer', 'raw') }],
    ['installer.iso', { extension: 'installer.iso', from: from('installer-iso', 'file') }],
    ['installer.pxe', { extension: 'installer.pxe.tar', from: from('installer-pxe', 'file') }],
  ];
}

export function installerSteps(request: InstallerRequest, { items, cmdline }: InstallerSystem): Step[] {
  const { name, title, arch, step, signed, layouts, roles, label, packed } = request;
  const json = (value: unknown) => value as Json;
  const bios = arch === 'amd64';
  const composed = (id: string, kind: string, params: Step['params'], inputs: Step['inputs']): Step => {
    return { id: `image/${id}`, kind, stage: 'image', params, inputs };
  };
  const boot = (output: string): StepInput => ({ step: 'image/installer-boot', output });
  const image: StepInput = { step: 'package/install-image', output: 'image' };
  const menu = {
    ...{ arch, title, cmdline },
    choices: [
      { title: `Install ${title}`, words: '' },
      { title: `Install ${title}, asking where`, words: 'osmith.install.interactive' },
    ],
  };
  const system = { vmlinuz: boot('kernel'), initrd: boot('initrd') };
  const asPartition = layouts.medium.partitions.some((partition) => partition.name === PARTITION);
  const { grubDir, isoTools } = signed;
  const files = { [INSTALL_FILE]: PARTITION };
  return [
    composed('installer', 'compose', { items: json(items) }, {}),
    composed('installer-boot', 'compose-boot', {}, { tar: { step: 'image/installer', output: 'tar' } }),
    step(
      'install-image',
      'install-image',
      { title, name, bios, roles, layout: json(layouts.installed), ...packed },
      { raw: request.disk },
    ),
    step(
      'installer',
      'disk',
      {
        ...{ ...menu, name, label, bios, grubDir, system: 'plain', layout: json(layouts.medium) },
        ...(asPartition ? {} : { files }),
      },
      { ...system, ...LOADERS, [PARTITION]: image, [roles.config]: request.config },
    ),
    {
      ...step(
        'installer-iso',
        'iso',
        { ...menu, label: title, bios, grubDir, files },
        { ...system, ...LOADERS, [PARTITION]: image },
      ),
      ...isoTools,
    },
    step('install-initrd', 'cpio', { path: INSTALL_FILE }, { file: image }),
    step(
      'installer-pxe',
      'pxe',
      { ...menu, grubDir: signed.grubnetDir },
      { ...system, ...NET_LOADERS, install: { step: 'package/install-initrd', output: 'initrd' } },
    ),
  ];
}
