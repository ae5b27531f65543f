/** Makes a hybrid ISO image: it boots from CDs and USB sticks, under UEFI with Secure Boot, and under BIOS. */
import { stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isSafeCmdline } from '../../disk/boot-slots.ts';
import { efiNames } from '../../disk/efi.ts';
import { writeFatVolume } from '../../disk/fat-volume.ts';
import { grubDirectory } from '../../disk/grub-prefix.ts';
import { menuChoices } from '../../disk/grub-config.ts';
import { isoEarlyConfig, isoGrubConfig, mediumFile } from '../../disk/grub-iso.ts';
import { grubCdArgv, HYBRID_IMG } from '../../disk/grub-mkimage.ts';
import { seededId32, seededUuid } from '../../disk/ids.ts';
import { MIB, roundUp } from '../../disk/layout.ts';
import { fatBytes } from '../../disk/mkfs-vfat.ts';
import { checkLimit, largestOf } from '../../disk/size-limit.ts';
import { isoArgv, volumeId } from '../../disk/xorriso.ts';
import { loaderNames } from '../../distro/types.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({
  arch: z.enum(['amd64', 'arm64']),
  /** Of this the volume id is made. */
  label: z.string().min(1),
  /** What the boot menu shows. */
  title: z.string(),
  choices: menuChoices,
  /** Kernel command line, unless the input `live` says it. */
  cmdline: z.string().refine(isSafeCmdline, 'has characters that end a command of GRUB, or an open quote'),
  /** Directory in which the signed GRUB looks for grub.cfg, unless it says another itself. */
  grubDir: z.string().default('EFI/debian'),
  names: loaderNames.optional(),
  /**
   * Further files: path on the image to the input with the content. Kernel and initrd are the inputs `vmlinuz` and
   * `initrd`, the loaders `shim`, `grub` and `mm`; `live`, where it is, is a second initrd.
   */
  files: z.record(z.string().regex(/^[^/]+(\/[^/]+)*$/), z.string()).default({}),
  /** Boot on BIOS machines too (amd64 only). */
  bios: z.boolean(),
  /** Limit in bytes. */
  maxSize: z.int().positive().optional(),
});

type Params = z.infer<typeof params>;
type Context = StepContext<Params>;

/** Directory of GRUB's files for BIOS machines. */
const GRUB = 'boot/grub';

async function writeEfiImage(context: Context, grubDir: string): Promise<void> {
  const names = efiNames(context.params.arch, context.params.names);
  const loaders = [
    ['shim', names.removable],
    ['grub', names.grub],
    ['mm', names.mokManager],
  ].filter(([input]) => context.inputs.includes(input!));
  const files = [
    ...loaders.map(([input, name]) => ({ source: `/in/${input}`, target: `EFI/BOOT/${name}` })),
    { source: '/work/grub.cfg', target: `${grubDir}/grub.cfg` },
  ];
  const sizes = await Promise.all(loaders.map(async ([input]) => (await stat(context.path(input!))).size));
  const size = roundUp(fatBytes([...sizes, 4096]), MIB);
  await writeFile(join(context.work, 'efi.img'), '');
  await truncate(join(context.work, 'efi.img'), size);
  const id = seededId32(context.seed, 'fat');
  await writeFatVolume(context, { disk: 'efi.img', start: 0, size, id, label: 'EFI' }, files);
}

/** GRUB for BIOS machines: path of its boot image on the ISO. */
async function writeBiosImage(context: Context, medium: string): Promise<void> {
  await writeFile(join(context.work, 'early.cfg'), isoEarlyConfig(medium, GRUB));
  await context.exec({ argv: grubCdArgv('eltorito.img', 'early.cfg', GRUB) });
}

/** What says so when there is a live system, else ours. */
function liveFacts(context: Context): { medium: string; cmdline: string; initrds: string[] } {
  if (!context.inputs.includes('live')) {
    const { cmdline } = context.params;
    return { medium: seededUuid(context.seed, 'medium'), cmdline, initrds: ['boot/initrd'] };
  }
  const { medium, cmdline } = context.facts('live') as Record<'medium' | 'cmdline', string>;
  return { medium, cmdline, initrds: ['boot/initrd', 'boot/live'] };
}

export default defineStep<Params>({
  kind: 'iso',
  summary: ({ title, bios }) => `Make the ISO image of ${title} (UEFI${bios ? ' and BIOS' : ''})`,
  params,
  async run(context) {
    const { label, title, choices, files: further, bios, maxSize } = context.params;
    const { medium, cmdline, initrds } = liveFacts(context);
    const kernel = 'boot/vmlinuz';
    const config = isoGrubConfig(medium, { title, cmdline, choices, kernel, initrds });
    await writeFile(join(context.work, 'grub.cfg'), config);
    await writeFile(join(context.work, 'medium'), `${medium}\n`);
    const grubDir = await grubDirectory(context, 'grub');
    await writeEfiImage(context, grubDir);
    if (bios) await writeBiosImage(context, medium);
    const inputs = { [kernel]: 'vmlinuz', 'boot/initrd': 'initrd', ...further };
    if (initrds.includes('boot/live')) Object.assign(inputs, { 'boot/live': 'live' });
    const eltorito = `${GRUB}/eltorito.img`;
    const argv = isoArgv({
      ...{ output: 'disk.iso', label: volumeId(label), epoch: context.epoch, efi: 'efi.img' },
      files: new Map([
        ...Object.entries(inputs).map(([target, input]): [string, string] => [target, `/in/${input}`]),
        [mediumFile(medium), '/work/medium'],
        [`${GRUB}/grub.cfg`, '/work/grub.cfg'],
        // Under UEFI the signed GRUB takes a CD as a whole for where it came from, a stick's EFI partition for itself.
        [`${grubDir}/grub.cfg`, '/work/grub.cfg'],
        ...(bios ? [[eltorito, '/work/eltorito.img'] as [string, string]] : []),
      ]),
      bios: bios ? { eltorito, hybrid: HYBRID_IMG } : undefined,
    });
    await context.exec({ argv, env: { TZ: 'UTC' } });
    const { size } = await stat(join(context.work, 'disk.iso'));
    const parts = Object.entries(inputs).map(([path, input]) => ({ path, size: context.blob(input).size }));
    checkLimit('The iso image', size, maxSize, largestOf(parts));
    return { files: { file: 'disk.iso' } };
  },
});
