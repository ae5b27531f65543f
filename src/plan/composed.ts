/** Steps of a system that is composed of images: its root file system in a slot, its configuration, what boots it. */
import type { Item } from '../compose/items.ts';
import type { Config } from '../config/index.ts';
import { INSTALLER_LAYOUTS } from '../disk/layouts/edge.ts';
import { layoutSchema, MIB, roundUp, type DiskLayout } from '../disk/layout.ts';
import { OsmithError } from '../errors.ts';
import { configVolume } from './config-volume.ts';
import { diskFormats, LIMITED } from './disk-formats.ts';
import { fleetOf } from './fleet.ts';
import { INSTALLER_FORMATS, installerOutputs, installerSteps, type InstallerSystem } from './installer.ts';
import { limitsOf, sizeParam } from './limits.ts';
import { LOADERS, signedBoot } from './loaders.ts';
import type { ComposedImage } from './manifest.ts';
import { osImageOutput, wantsOsImage } from './os-image.ts';
import { chosenOutputs, type Output, type Packaged } from './outputs.ts';
import { partitionLayout } from './partitions.ts';
import { sbomSteps } from './sbom.ts';
import type { Tools } from './tools.ts';
import type { Json, Step, StepInput } from './types.ts';

/** What compositions have become, once their images are there. */
export interface ComposedSystem {
  root: readonly Item[];
  /** What is started first, and starts the system of a slot. */
  boot: readonly Item[];
  /** Kernel command line of the latter. */
  cmdline: string;
  version: string;
  /** Of what is built: YYYY-MM-DD. */
  date: string;
  images: readonly ComposedImage[];
  /** If one is asked for. */
  installer?: InstallerSystem | undefined;
}

/** The tree of the root file system. */
export const COMPOSED_ROOT: StepInput = { step: 'image/root', output: 'tree' };

/** Partitions of the layout, as its steps name their inputs. */
const [SLOT, SECOND] = ['imga', 'imgb'];
const CONFIG = 'conf';
const PERSIST = 'persist';
const LABEL = 'EVE';

function slotSized(layout: DiskLayout, config: Config): DiskLayout {
  const { slot } = sizeParam(config, 'slot_size', 'slot');
  if (typeof slot !== 'number') return layout;
  const partitions = layout.partitions.map((partition) =>
    [SLOT, SECOND].includes(partition.name)
      ? { ...partition, size: { bytes: roundUp(slot, MIB) } }
      : partition,
  );
  return { ...layout, partitions };
}

function configSize(layout: DiskLayout): number {
  const size = layout.partitions.find(({ name }) => name === CONFIG)?.size;
  if (size !== undefined && 'bytes' in size) return size.bytes;
  throw new OsmithError('E_INTERNAL', `The layout ${layout.name} does not say how large ${CONFIG} is`);
}

function asksInstaller(config: Config): boolean {
  return config.list('image', 'formats').some((format) => INSTALLER_FORMATS.includes(format));
}

/** Whether one is made, by itself or to be had out of an image. */
export function wantsInstaller(config: Config): boolean {
  return wantsOsImage(config) || asksInstaller(config);
}

/** Throws E_CONFIG if an installer is asked for, and there is none for such disks. */
function installerLayouts(layout: DiskLayout, config: Config) {
  const found = INSTALLER_LAYOUTS.get(layout.name);
  if (found !== undefined) return { ...found, installed: slotSized(found.installed, config) };
  if (!asksInstaller(config)) return undefined;
  throw new OsmithError('E_CONFIG', `There is no installer for the layout ${layout.name}`, {
    where: config.where('image', 'layout'),
    hint: `Known: ${[...INSTALLER_LAYOUTS.keys()].join(', ')}`,
  });
}

/** How the root file system is packed. */
function rootParams(config: Config): Record<string, Json> {
  const format = config.get('image', 'filesystem');
  if (format === 'ext4') {
    const headroom = config.size('image', 'headroom');
    return { format, label: 'eve_rootfs', headroom, percent: config.int('image', 'headroom_percent') };
  }
  return { format, ...packParams(config) };
}

function packParams(config: Config) {
  return { compression: config.get('image', 'compression'), level: config.int('image', 'compression_level') };
}

/** Tells what the configuration alone has wrong; the steps follow when the images are there. */
export function composedSteps(
  config: Config,
  { name, arch }: { name: string; arch: string },
  tools: Tools,
): (system: ComposedSystem) => Packaged {
  const layout = slotSized(layoutSchema.parse(partitionLayout(config)), config);
  const layouts = installerLayouts(layout, config);
  const size = configSize(layout);
  const { files, inputs } = configVolume(config, size);
  const limit = limitsOf(config, LIMITED);
  const signed = signedBoot(config, arch, tools);
  const rootfs = rootParams(config);
  const step = (id: string, kind: string, params: Step['params'], inputs: Step['inputs']): Step => ({
    ...{ id: `package/${id}`, kind, stage: 'package', params, inputs, ...tools },
  });
  const from = (id: string, output: string): StepInput => ({ step: `package/${id}`, output });
  const composed = (id: string, kind: string, params: Step['params'], inputs: Step['inputs'] = {}): Step => {
    return { id: `image/${id}`, kind, stage: 'image', params, inputs };
  };
  const tar = (id: string) => ({ tar: { step: `image/${id}`, output: 'tar' } });
  const further = diskFormats({ config, name, step, raw: from('disk', 'raw'), limit });
  const boot = (output: string): StepInput => ({ step: 'image/boot', output });
  const disk = {
    ...{ arch, name, title: config.get('image', 'title'), label: LABEL, bios: arch === 'amd64' },
    ...{ system: 'selector', grubDir: signed.grubDir, layout: layout as unknown as Json },
    ...sizeParam(config, 'esp_size', 'espSize'),
    ...sizeParam(config, 'max_size', 'maxSize'),
    ...{ slot: SLOT, fleet: fleetOf(config) },
  };
  const outputs: [string, Output][] = [
    ['raw', { extension: 'raw', from: from('disk', 'raw') }],
    ['rootfs', { extension: 'rootfs.img', from: from('rootfs', 'image') }],
    ['chunks', { extension: 'rootfs.img.chunks', from: from('chunks', 'chunks') }],
    ['config', { extension: 'config.img', from: from('config', 'image') }],
    ['tar', { extension: 'tar', from: tar('system').tar }],
    ['vmlinuz', { extension: 'vmlinuz', from: boot('kernel') }],
    ['initrd', { extension: 'initrd', from: boot('initrd') }],
    ...installerOutputs(),
    ...further.outputs,
  ];
  // Told now: the rest comes when images have been built.
  chosenOutputs(
    config,
    new Map([...outputs, ...sbomSteps(config, name, COMPOSED_ROOT, tools).outputs, osImageOutput]),
  );
  const { compression, level } = packParams(config);
  const installer = (system: InstallerSystem) =>
    layouts === undefined
      ? []
      : installerSteps(
          {
            ...{ name, title: disk.title, arch, step, signed, layouts, label: LABEL },
            roles: { root: SLOT, config: CONFIG, persist: PERSIST },
            ...{ disk: from('disk', 'raw'), config: from('config', 'image') },
            packed: { compression, level },
          },
          system,
        );
  return (system) => ({
    steps: [
      ...signed.steps,
      composed('system', 'compose', { items: system.root as unknown as Json }),
      composed('root', 'compose-root', {}, tar('system')),
      composed('selector', 'compose', { items: system.boot as unknown as Json }),
      composed('boot', 'compose-boot', {}, tar('selector')),
      step('rootfs', 'filesystem', rootfs, { root: COMPOSED_ROOT }),
      step('chunks', 'chunks', {}, { file: from('rootfs', 'image') }),
      step(
        'config',
        'config-volume',
        { size, label: LABEL, files, marker: `origin.${system.date}.${system.version}` },
        inputs,
      ),
      step(
        'disk',
        'disk',
        { ...disk, cmdline: system.cmdline },
        {
          ...{ vmlinuz: boot('kernel'), initrd: boot('initrd'), ...LOADERS },
          ...{ [SLOT]: from('rootfs', 'image'), [CONFIG]: from('config', 'image') },
        },
      ),
      ...further.steps,
      ...(system.installer === undefined ? [] : installer(system.installer)),
    ],
    outputs: new Map(outputs),
    kernel: COMPOSED_ROOT,
  });
}
