/** Steps that turn a tree into files that boot: kernel, initrd, disk, network boot, and further disk formats. */
import type { Config } from '../config/index.ts';
import { baseDistro, DISTROS } from '../distro/data.ts';
import type { BootFiles } from '../distro/types.ts';
import { OsmithError } from '../errors.ts';
import { diskFormats, LIMITED } from './disk-formats.ts';
import { memoryIso } from './iso.ts';
import { fleetOf } from './fleet.ts';
import { limitsOf, sizeParam } from './limits.ts';
import { withApps } from './flatpak.ts';
import { partitionLayout } from './partitions.ts';
import { splitDirectories } from './split.ts';
import { isoTools } from './tools.ts';
import type { Step, StepInput } from './types.ts';

/** Something a build can hand out: the extension of its file, and what makes it. */
export interface Output {
  extension: string;
  from: StepInput;
  /** What it holds, where the file is another form of that: the raw disk. */
  unpacked?: StepInput;
}

/** The steps of the stage, and the outputs that they can make by format name. */
export interface Packaged {
  steps: Step[];
  outputs: Map<string, Output>;
  /** What says which commit the system is, where that was made elsewhere. */
  commit?: StepInput;
  /** What says what was deployed, where a commit was. */
  deployment?: StepInput;
  /** The kernel that boots it. */
  kernel?: StepInput;
}

/** How one kind of `image.system` is made of a tree. */
export type PackageMaker = (
  config: Config,
  names: { name: string; arch: string },
  tree: StepInput,
  tools: { tools?: string },
  apps?: StepInput,
) => Packaged;

export function bootFiles(config: Config, arch: string): BootFiles {
  const { title, boot, notBootable } = baseDistro(config);
  const files = boot[arch];
  if (files !== undefined) return files;
  if (notBootable !== undefined) {
    throw new OsmithError('E_CONFIG', `${title} cannot be booted: ${notBootable}`, {
      where: config.where('bootstrap', 'distro'),
      hint: 'Make a root file system and an image for containers of it: --product container',
    });
  }
  const known = Object.entries(DISTROS).flatMap(([name, each]) => (arch in each.boot ? [name] : []));
  throw new OsmithError('E_CONFIG', `${title} cannot be booted on ${arch}`, {
    where: config.where('bootstrap', 'distro'),
    hint:
      known.length > 0
        ? `On ${arch} these can: ${known.join(', ')}`
        : `For ${arch} there are root file systems (--product container) and compositions (osmith compose)`,
  });
}

/** The kernel command line of the system that is built. */
export function kernelCmdline(config: Config): string {
  return config.list('image', 'cmdline').join(' ');
}

/** File systems that can be written to make no sense in memory. */
function packedFormat(config: Config): string {
  const format = config.get('image', 'filesystem');
  if (format !== 'ext4') return format;
  throw new OsmithError('E_CONFIG', 'A system that runs from memory cannot have an ext4 root file system', {
    where: config.where('image', 'filesystem'),
    hint: 'Use squashfs or erofs',
  });
}

/** For systems that run from memory. */
export const packageSteps: PackageMaker = (config, { name, arch }, tree, tools, apps) => {
  const { steps: stack, tree: root } = withApps(apps, { id: 'package/apps', stage: 'package', base: tree });
  const boot = bootFiles(config, arch);
  const format = packedFormat(config);
  const menu = {
    arch,
    cmdline: kernelCmdline(config),
    title: config.get('image', 'title'),
  };
  const step = (id: string, kind: string, params: Step['params'], inputs: Step['inputs']): Step => ({
    ...{ id: `package/${id}`, kind, stage: 'package', params, inputs, ...tools },
  });
  const from = (id: string, output: string): StepInput => ({ step: `package/${id}`, output });
  const bootInputs = (...names: string[]) =>
    Object.fromEntries(names.map((name) => [name, from('boot-files', name)]));
  const system = { ...bootInputs('vmlinuz', 'shim'), initrd: from('initrd', 'initrd') };
  const { vmlinuz, shim, grub, grubnet, mm } = boot;
  splitDirectories(config);
  const limit = limitsOf(config, LIMITED);
  const further = diskFormats({ config, name, step, raw: from('disk', 'raw'), limit });
  const iso = isoTools(config);
  const steps = [
    ...stack,
    step('boot-files', 'extract', { files: { vmlinuz, shim, grub, grubnet, mm } }, { root }),
    step(
      'root',
      'filesystem',
      {
        format,
        compression: config.get('image', 'compression'),
        level: config.int('image', 'compression_level'),
        exclude: boot.exclude,
      },
      { root },
    ),
    step(
      'initrd',
      'initrd',
      { format, root: config.get('image', 'root') === 'ro' ? 'ro' : 'overlay' },
      { root, image: from('root', 'image') },
    ),
    step('chunks', 'chunks', {}, { file: from('initrd', 'initrd') }),
    step(
      'disk',
      'disk',
      {
        ...{ ...menu, layout: partitionLayout(config), grubDir: boot.grubDir },
        ...{ name, label: 'OSMITH', bios: arch === 'amd64' },
        ...sizeParam(config, 'esp_size', 'espSize'),
        ...sizeParam(config, 'headroom', 'headroom'),
        ...sizeParam(config, 'max_size', 'maxSize'),
        fleet: fleetOf(config),
      },
      { ...system, ...bootInputs('grub', 'mm') },
    ),
    step('pxe', 'pxe', { ...menu, grubDir: boot.grubnetDir }, { ...system, ...bootInputs('grubnet') }),
    ...further.steps,
    ...iso.steps,
    ...memoryIso({
      ...{ config, arch, grubDir: boot.grubDir, step, limit, tools: iso.tools },
      ...{ cmdline: menu.cmdline, boot: { ...system, ...bootInputs('grub', 'mm') } },
    }),
  ];
  const outputs = new Map<string, Output>([
    ['vmlinuz', { extension: 'vmlinuz', from: from('boot-files', 'vmlinuz') }],
    ['initrd', { extension: 'initrd', from: from('initrd', 'initrd') }],
    ['chunks', { extension: 'initrd.chunks', from: from('chunks', 'chunks') }],
    ['raw', { extension: 'raw', from: from('disk', 'raw') }],
    ['pxe', { extension: 'pxe.tar', from: from('pxe', 'file') }],
    ['iso', { extension: 'iso', from: from('iso', 'file') }],
    ...further.outputs,
  ]);
  return { steps, outputs, kernel: from('boot-files', 'vmlinuz') };
};

/** What `image.formats` asks for. */
export function chosenOutputs(config: Config, outputs: Map<string, Output>): Output[] {
  return config.list('image', 'formats').map((name) => {
    const output = outputs.get(name);
    if (output !== undefined) return output;
    throw new OsmithError('E_CONFIG', `There is no output format ${name}`, {
      where: config.where('image', 'formats'),
      hint: `Known: ${[...outputs.keys()].join(' ')}`,
    });
  });
}
