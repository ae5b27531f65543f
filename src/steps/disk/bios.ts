/** Installs GRUB for BIOS machines on a disk image. */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BOOT_IMG, grubMkimageArgv } from '../../disk/grub-mkimage.ts';
import { patchBootImg, patchCoreImg } from '../../disk/grub-bios.ts';
import { SECTOR } from '../../disk/layout.ts';
import { OsmithError } from '../../errors.ts';
import type { StepContext } from '../types.ts';

/** Where GRUB's core goes, in bytes. */
export interface CorePlace {
  start: number;
  max: number;
}

/** What lies on the disk outside of file systems. */
export interface PlacedFile {
  file: string;
  start: number;
  size: number;
}

/**
 * GRUB's core goes to its place; the MBR's boot code, which loads it, before the partition table. `partition` is where
 * its configuration is, as GRUB calls it. Returns what lies where then.
 */
export async function installBiosGrub(
  context: StepContext<unknown>,
  { start, max }: CorePlace,
  partition: string,
  grubDir: string,
): Promise<PlacedFile[]> {
  const { work } = context;
  await context.exec({ argv: grubMkimageArgv('core.img', partition, grubDir) });
  await context.exec({ argv: ['cp', BOOT_IMG, 'boot.img'] });
  const lba = start / SECTOR;
  const core = patchCoreImg(await readFile(join(work, 'core.img')), lba);
  if (core.length > max) {
    throw new OsmithError('E_TOO_LARGE', `GRUB's BIOS core has ${core.length} bytes, its place ${max}`);
  }
  const code = patchBootImg(await readFile(join(work, 'boot.img')), lba);
  const disk = await open(join(work, 'disk.raw'), 'r+');
  try {
    await disk.write(core, 0, core.length, start);
    await disk.write(code, 0, code.length, 0);
  } finally {
    await disk.close();
  }
  return [
    { file: 'boot.img', start: 0, size: code.length },
    { file: 'core.img', start, size: core.length },
  ];
}
