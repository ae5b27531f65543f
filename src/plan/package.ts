/** Steps that turn a tree into files that boot: kernel, initrd, disk, network boot, and further disk formats. */
import type { Config } from '../config/index.ts';
import { baseDistro } from '../distro/data.ts';
import { OsmithError } from '../errors.ts';
import { borrowedBusybox, borrowedLoaders } from './borrowed.ts';
import { bootFiles, namesParam } from './boot-files.ts';
import { diskFormats, LIMITED } from './disk-formats.ts';
import { memoryIso } from './iso.ts';
import { fleetOf } from './fleet.ts';
import { limitsOf, sizeParam } from './limits.ts';
import { withApps } from './flatpak.ts';
import { kernelCmdline, type Output, type PackageMaker } from './outputs.ts';
import { partitionLayout } from './partitions.ts';
import { splitDirectories } from './split.ts';
import { isoTools } from './tools.ts';
import type { Step, StepInput } from './types.ts';

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
  // What the distribution has not comes from that of the tools.
  const borrowed = 'shim' in boot ? undefined : borrowedLoaders(config, arch, tools);
  const busybox = baseDistro(config).noBusybox ? borrowedBusybox(config, arch, tools) : undefined;
  const loaders = 'shim' in boot ? boot : borrowed!.files;
  const { shim, grub, grubnet, mm, grubDir, grubnetDir } = loaders;
  const { vmlinuz } = boot;
  const names = namesParam(loaders);
  const bootInputs = (...files: string[]) =>
    Object.fromEntries(files.map((file) => [file, borrowed?.inputs[file] ?? from('boot-files', file)]));
  const system = { ...bootInputs('vmlinuz', 'shim'), initrd: from('initrd', 'initrd') };
  const own = borrowed === undefined ? { vmlinuz, shim, grub, grubnet, mm } : { vmlinuz };
  splitDirectories(config);
  const limit = limitsOf(config, LIMITED);
  const further = diskFormats({ config, name, step, raw: from('disk', 'raw'), limit });
  const iso = isoTools(config);
  const steps = [
    ...stack,
    ...(borrowed?.steps ?? []),
    ...(busybox?.steps ?? []),
    step('boot-files', 'extract', { files: own }, { root }),
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
      { root, image: from('root', 'image'), ...busybox?.inputs },
    ),
    step('chunks', 'chunks', {}, { file: from('initrd', 'initrd') }),
    step(
      'disk',
      'disk',
      {
        ...{ ...menu, ...names, layout: partitionLayout(config), grubDir },
        ...{ name, label: 'OSMITH', bios: arch === 'amd64' },
        ...sizeParam(config, 'esp_size', 'espSize'),
        ...sizeParam(config, 'headroom', 'headroom', 'image', 0),
        ...sizeParam(config, 'max_size', 'maxSize'),
        fleet: fleetOf(config),
      },
      { ...system, ...bootInputs('grub', 'mm') },
    ),
    step('pxe', 'pxe', { ...menu, ...names, grubDir: grubnetDir }, { ...system, ...bootInputs('grubnet') }),
    ...further.steps,
    ...iso.steps,
    ...memoryIso({
      ...{ config, arch, grubDir, ...names, step, limit, tools: iso.tools },
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
