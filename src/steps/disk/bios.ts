/** Installs GRUB for BIOS machines on a disk image. */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BOOT_IMG, grubMkimageArgv } from '../../disk/grub-mkimage.ts';
import { patchBootImg, patchCoreImg } from '../../disk/grub-bios.ts';
import { SECTOR, type Placed } from '../../disk/layout.ts';
import { OsmithError } from '../../errors.ts';
import type { StepContext } from '../types.ts';

/** GRUB's core goes to its partition; the MBR's boot code, which loads it, before the protective partition table. */
export async function installBiosGrub(
  context: StepContext<unknown>,
  { start, size }: Placed,
  espNumber: number,
  grubDir: string,
): Promise<void> {
  const { work } = context;
  await context.exec({ argv: grubMkimageArgv('core.img', espNumber, grubDir) });
  await context.exec({ argv: ['cp', BOOT_IMG, 'boot.img'] });
  const lba = start / SECTOR;
  const core = patchCoreImg(await readFile(join(work, 'core.img')), lba);
  if (core.length > size) {
    throw new OsmithError('E_TOO_LARGE', `GRUB's BIOS core has ${core.length} bytes, its partition ${size}`);
  }
  const disk = await open(join(work, 'disk.raw'), 'r+');
  try {
    await disk.write(core, 0, core.length, start);
    const code = patchBootImg(await readFile(join(work, 'boot.img')), lba);
    await disk.write(code, 0, code.length, 0);
  } finally {
    await disk.close();
  }
}
