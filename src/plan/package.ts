/** Steps that turn a tree into files that boot: kernel, initrd, disk, network boot, and further disk formats. */
import type { Config } from '../config/index.ts';
import { applianceLayout } from '../disk/layouts/appliance.ts';
import { desktopArm64Layout, desktopLayout } from '../disk/layouts/desktop.ts';
import type { DiskLayout } from '../disk/layout.ts';
import { debianBoot } from '../distro/debian/boot.ts';
import type { BootFiles } from '../distro/types.ts';
import { OsmithError } from '../errors.ts';
import type { Json, Step, StepInput } from './types.ts';

const LAYOUTS = new Map<string, DiskLayout>(
  [applianceLayout, desktopLayout, desktopArm64Layout].map((layout) => [layout.name, layout]),
);
const BOOT: Record<string, Record<string, BootFiles>> = { debian: debianBoot };

/** Formats that are made of the raw disk. */
export const CONVERTED = ['raw.gz', 'raw.xz', 'raw.zst', 'qcow2', 'vmdk', 'vdi', 'vhdx'];

/** Something a build can hand out: the extension of its file, and what makes it. */
export interface Output {
  extension: string;
  from: StepInput;
}

/** The steps of the stage, and the outputs that they can make by format name. */
export interface Packaged {
  steps: Step[];
  outputs: Map<string, Output>;
  /** What says which commit the system is, where that was made elsewhere. */
  commit?: StepInput;
}

export function bootFiles(config: Config, arch: string): BootFiles {
  const distro = config.get('bootstrap', 'distro');
  const files = BOOT[distro]?.[arch];
  if (files !== undefined) return files;
  throw new OsmithError('E_CONFIG', `${distro} cannot be booted on ${arch} yet`, {
    where: config.where('bootstrap', 'distro'),
    hint: `Known: ${Object.keys(BOOT).join(', ')} on amd64 and arm64`,
  });
}

export function partitionLayout(config: Config): Json {
  const name = config.get('image', 'layout');
  const layout = LAYOUTS.get(name);
  if (layout !== undefined) return layout as unknown as Json;
  throw new OsmithError('E_CONFIG', `There is no partition layout ${name}`, {
    where: config.where('image', 'layout'),
    hint: `Known: ${[...LAYOUTS.keys()].join(', ')}`,
  });
}

/** The kernel command line of the system that is built. */
export function kernelCmdline(config: Config): string {
  return config.list('image', 'cmdline').join(' ');
}

/** A size option in bytes under the name of a step's parameter, if it has a value. */
export function sizeParam(config: Config, option: string, param: string): Record<string, Json> {
  return config.find('image', option)?.trim() ? { [param]: config.size('image', option) } : {};
}

/** For systems that run from memory. */
export function packageSteps(
  config: Config,
  { name, arch }: { name: string; arch: string },
  root: StepInput,
  tools: { tools?: string },
): Packaged {
  const boot = bootFiles(config, arch);
  const format = config.get('image', 'filesystem');
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
  const steps = [
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
      },
      { ...system, ...bootInputs('grub', 'mm') },
    ),
    step('pxe', 'pxe', { ...menu, grubDir: boot.grubnetDir }, { ...system, ...bootInputs('grubnet') }),
    ...CONVERTED.map((format) => step(format, 'convert', { format }, { raw: from('disk', 'raw') })),
  ];
  const outputs = new Map<string, Output>([
    ['vmlinuz', { extension: 'vmlinuz', from: from('boot-files', 'vmlinuz') }],
    ['initrd', { extension: 'initrd', from: from('initrd', 'initrd') }],
    ['chunks', { extension: 'initrd.chunks', from: from('chunks', 'chunks') }],
    ['raw', { extension: 'raw', from: from('disk', 'raw') }],
    ['pxe', { extension: 'pxe.tar', from: from('pxe', 'file') }],
    ...CONVERTED.map((name): [string, Output] => [name, { extension: name, from: from(name, 'file') }]),
  ]);
  return { steps, outputs };
}

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
