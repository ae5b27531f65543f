/** Makes a bootable raw disk image: partition table, EFI system partition with the boot loaders, and the system. */
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isSafeCmdline } from '../../disk/boot-slots.ts';
import { diskGrubConfig } from '../../disk/grub-config.ts';
import { ostreeGrubConfig } from '../../disk/grub-ostree.ts';
import { layoutSchema, MIB, place, type Placed, type Placement } from '../../disk/layout.ts';
import { fatBytes } from '../../disk/mkfs-vfat.ts';
import { sfdiskArgv, sfdiskScript } from '../../disk/sfdisk.ts';
import { OsmithError } from '../../errors.ts';
import { defineStep, type StepContext } from '../types.ts';
import { installBiosGrub } from './bios.ts';
import { loaderFiles, SLOT_DIRECTORIES, slotFiles, writeEsp, type EspFile } from './esp.ts';

const params = z.strictObject({
  layout: layoutSchema,
  arch: z.enum(['amd64', 'arm64']),
  /**
   * Where the system is: `slots`, kernel and initrd in a slot on the ESP; `ostree`, in the deployments of the root file
   * system that is the input `root`.
   */
  system: z.enum(['slots', 'ostree']).default('slots'),
  /** Name of the build, which updates are for. */
  name: z.string(),
  /** Kernel command line. */
  cmdline: z.string().refine(isSafeCmdline, 'has characters that end a command of GRUB, or an open quote'),
  /** What the boot menu shows. */
  title: z.string(),
  /** Label of the EFI system partition's file system: FAT allows 11 characters. */
  label: z.string().regex(/^[A-Z0-9_-]{1,11}$/, 'must be 1 to 11 of A-Z 0-9 _ -'),
  /** Directory on the ESP in which the signed GRUB looks for grub.cfg. */
  grubDir: z.string().default('EFI/debian'),
  /** Size of the ESP in bytes, in place of the layout's rule. */
  espSize: z.int().positive().optional(),
  /** Free bytes on the ESP, in place of the layout's. */
  headroom: z.int().nonnegative().optional(),
  /** Limit for the whole image in bytes. */
  maxSize: z.int().positive().optional(),
  /** Boot on BIOS machines too (amd64 only). */
  bios: z.boolean(),
});

type Params = z.infer<typeof params>;

/** The layout with the sizes that the configuration sets. */
function withSizes({ layout, espSize, headroom }: Params): Params['layout'] {
  const partitions = layout.partitions.map((partition) => {
    if (partition.contents !== 'esp') return partition;
    if (espSize !== undefined) return { ...partition, size: { bytes: espSize } };
    if (headroom === undefined || 'bytes' in partition.size) return partition;
    return { ...partition, size: { ...partition.size, headroom } };
  });
  return { ...layout, partitions };
}

/** The image of the root file system, where the layout has a place for it. */
async function writeRoot(context: StepContext<unknown>, { start }: Placed): Promise<void> {
  const where = [`of=disk.raw`, `seek=${start}`, 'oflag=seek_bytes', 'conv=notrunc,sparse'];
  await context.exec({ argv: ['dd', 'if=/in/root', `bs=${MIB}`, 'status=none', ...where] });
}

function grubConfig(context: StepContext<Params>): string {
  const { system, title } = context.params;
  if (system === 'slots') return diskGrubConfig(title);
  const { uuid } = context.facts('root');
  if (typeof uuid === 'string') return ostreeGrubConfig(title, uuid);
  throw new OsmithError('E_INTERNAL', 'The root file system does not say its UUID');
}

function mebibytes(bytes: number): string {
  return `${(bytes / (1024 * 1024)).toFixed(1)} MiB`;
}

function checkSize(placement: Placement, files: readonly EspFile[], limit: number | undefined): void {
  if (limit === undefined || placement.total <= limit) return;
  const largest = files.toSorted((a, b) => b.size - a.size).slice(0, 3);
  const contents = largest.map(({ target, size }) => `${target} ${mebibytes(size)}`).join(', ');
  throw new OsmithError(
    'E_TOO_LARGE',
    `The disk needs ${mebibytes(placement.total)}, the limit is ${mebibytes(limit)}; largest: ${contents}`,
    { hint: 'Install less, exclude files from the image, leave less headroom, or raise the limit' },
  );
}

export default defineStep<Params>({
  kind: 'disk',
  summary: ({ title, bios }) => `Make the disk image of ${title} (UEFI${bios ? ' and BIOS' : ''})`,
  params,
  async run(context) {
    const { arch, system, name, cmdline, label, grubDir, maxSize, bios } = context.params;
    if (bios && arch !== 'amd64')
      throw new OsmithError('E_STEP', `${arch} machines have no BIOS: set bios to false`);
    await writeFile(join(context.work, 'grub.cfg'), grubConfig(context));
    const loaders = await loaderFiles(context, arch, grubDir);
    const files =
      system === 'slots' ? [...loaders, ...(await slotFiles(context, { name, cmdline }))] : loaders;
    const layout = withSizes(context.params);
    const needed = fatBytes(files.map(({ size }) => size));
    const esp = layout.partitions.find(({ contents }) => contents === 'esp');
    const root = layout.partitions.find(({ contents }) => contents === 'root');
    const contents = {
      ...(esp === undefined ? {} : { [esp.name]: needed }),
      ...(root === undefined ? {} : { [root.name]: context.blob('root').size }),
    };
    const placement = place(layout, contents, bios);
    checkSize(placement, files, maxSize);
    await writeFile(join(context.work, 'disk.raw'), '');
    await truncate(join(context.work, 'disk.raw'), placement.total);
    await context.exec({ argv: sfdiskArgv('disk.raw'), stdin: sfdiskScript(placement, context.seed) });
    const espPlace = placement.partitions.find(({ spec }) => spec.contents === 'esp');
    if (espPlace !== undefined)
      await writeEsp(context, espPlace, label, files, system === 'slots' ? SLOT_DIRECTORIES : []);
    const rootPlace = placement.partitions.find(({ spec }) => spec.contents === 'root');
    if (rootPlace !== undefined) await writeRoot(context, rootPlace);
    const biosPlace = placement.partitions.find(({ spec }) => spec.contents === 'bios-grub');
    if (biosPlace !== undefined && espPlace !== undefined) {
      await installBiosGrub(context, biosPlace, espPlace.number, grubDir);
    }
    return { files: { raw: 'disk.raw' } };
  },
});
