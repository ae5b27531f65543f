/**
 * What `grub-bios-setup` does to GRUB's BIOS images, without a device: tells each stage where the next one lies.
 * Offsets: GRUB's include/grub/i386/pc/boot.h (boot.img) and grub-core/boot/i386/pc/diskboot.S (first sector of core.img).
 */
import { OsmithError } from '../errors.ts';
import { SECTOR } from './layout.ts';

/** Bytes of boot code in the MBR; the disk signature and the partition table follow. */
export const MBR_CODE = 440;
const KERNEL_SECTOR = 0x5c;
const DRIVE_CHECK = 0x66;
const BLOCK_LIST = SECTOR - 12;
/** Real-mode segment at which the second sector of core.img is loaded: 0x8200 >> 4. */
const LOAD_SEGMENT = 0x820;

/** The MBR's boot code, which loads the sector `coreLba`. */
export function patchBootImg(bootImg: Buffer, coreLba: number): Buffer {
  if (bootImg.length !== SECTOR)
    throw new OsmithError('E_STEP', `boot.img has ${bootImg.length} bytes, not ${SECTOR}`);
  const code = Buffer.from(bootImg.subarray(0, MBR_CODE));
  code.writeBigUInt64LE(BigInt(coreLba), KERNEL_SECTOR);
  // Two NOPs: trust the drive number that the BIOS gives, as grub-bios-setup does for hard disks.
  code.writeUInt16LE(0x9090, DRIVE_CHECK);
  return code;
}

/** core.img for the place where it lies, padded to whole sectors: its first sector loads the rest. */
export function patchCoreImg(coreImg: Buffer, coreLba: number): Buffer {
  const sectors = Math.ceil(coreImg.length / SECTOR);
  const core = Buffer.alloc(sectors * SECTOR);
  coreImg.copy(core);
  core.writeBigUInt64LE(BigInt(coreLba + 1), BLOCK_LIST);
  core.writeUInt16LE(sectors - 1, BLOCK_LIST + 8);
  core.writeUInt16LE(LOAD_SEGMENT, BLOCK_LIST + 10);
  return core;
}
