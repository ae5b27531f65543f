/** Fills the EFI system partition of a disk image. */
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  buildId,
  formatEnvironment,
  formatSlotConfig,
  GRUBENV,
  slotConfig,
  slotDirectory,
  slotFile,
  type SlotPart,
} from '../../disk/boot-slots.ts';
import { efiNames, type EfiArch } from '../../disk/efi.ts';
import { seededId32 } from '../../disk/ids.ts';
import type { Placed } from '../../disk/layout.ts';
import { mkfsVfatArgv } from '../../disk/mkfs-vfat.ts';
import { directoriesOf, fatImage, mcopyArgv, mmdArgv } from '../../disk/mtools.ts';
import type { StepContext } from '../types.ts';

export interface EspFile {
  /** Path in the sandbox. */
  source: string;
  /** Path on the ESP. */
  target: string;
  size: number;
}

/** Inputs that may be left out are recognised by `path` refusing them. */
function optionalInput(context: StepContext<unknown>, name: string): string | undefined {
  try {
    return context.path(name);
  } catch {
    return undefined;
  }
}

/** The system in slot a, as the ESP describes it. */
export interface EspSystem {
  name: string;
  cmdline: string;
}

/** Directories that are there from the start: an update then changes none that both slots need. */
export const SLOT_DIRECTORIES = [slotDirectory('b'), 'osmith/state'];

function slotPart(context: StepContext<unknown>, name: string): SlotPart {
  const { size, digest } = context.blob(name);
  return { name, size, sha256: digest };
}

type Source = [host: string, source: string, target: string];

function withSizes(sources: readonly Source[]): Promise<EspFile[]> {
  const sized = sources.map(async ([host, source, target]) => ({
    source,
    target,
    size: (await stat(host)).size,
  }));
  return Promise.all(sized);
}

/** The boot loaders: the firmware starts shim, which starts GRUB beside it. `grub.cfg` is in the work directory. */
export function loaderFiles(
  context: StepContext<unknown>,
  arch: EfiArch,
  grubDir: string,
): Promise<EspFile[]> {
  const names = efiNames(arch);
  const mm = optionalInput(context, 'mm');
  return withSizes([
    [context.path('shim'), '/in/shim', `EFI/BOOT/${names.removable}`],
    [context.path('grub'), '/in/grub', `EFI/BOOT/${names.grub}`],
    ...(mm === undefined ? [] : [[mm, '/in/mm', `EFI/BOOT/${names.mokManager}`] as Source]),
    [join(context.work, 'grub.cfg'), '/work/grub.cfg', `${grubDir}/grub.cfg`],
  ]);
}

/** The system in slot a. */
export async function slotFiles(
  context: StepContext<unknown>,
  { name, cmdline }: EspSystem,
): Promise<EspFile[]> {
  const { work } = context;
  const parts = ['vmlinuz', 'initrd'].map((part) => slotPart(context, part));
  const system = { name, cmdline, build: buildId(parts), epoch: context.epoch, issued: 0, parts };
  await writeFile(join(work, 'slot.cfg'), formatSlotConfig('a', system));
  await writeFile(join(work, 'grubenv'), formatEnvironment({ slot: 'a' }));
  return withSizes([
    [join(work, 'grubenv'), '/work/grubenv', GRUBENV],
    [context.path('vmlinuz'), '/in/vmlinuz', slotFile('a', 'vmlinuz')],
    [context.path('initrd'), '/in/initrd', slotFile('a', 'initrd')],
    [join(work, 'slot.cfg'), '/work/slot.cfg', slotConfig('a')],
  ]);
}

/** Makes the file system in its place on the disk and copies the files, one after the other: the order is the layout. */
export async function writeEsp(
  context: StepContext<unknown>,
  { spec, start, size }: Placed,
  label: string,
  files: readonly EspFile[],
  emptyDirectories: readonly string[],
): Promise<void> {
  const id = seededId32(context.seed, `fat/${spec.name}`);
  await context.exec({ argv: mkfsVfatArgv({ disk: 'disk.raw', start, size, id, label }) });
  const image = fatImage('disk.raw', start);
  // FAT stores local time.
  const env = { TZ: 'UTC', MTOOLS_SKIP_CHECK: '1' };
  const directories = directoriesOf([
    ...files.map(({ target }) => target),
    ...emptyDirectories.map((directory) => `${directory}/`),
  ]);
  await context.exec({ argv: mmdArgv(image, directories), env });
  for (const { source, target } of files) await context.exec({ argv: mcopyArgv(image, source, target), env });
}
