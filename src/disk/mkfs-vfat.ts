/** mkfs.vfat (dosfstools): makes a FAT file system, such as that of an EFI system partition, inside a file. */
import { MIB, roundUp, SECTOR } from './layout.ts';

/** FAT32 needs at least this many clusters (Microsoft FAT specification 1.03, "FAT type determination"). */
const MIN_CLUSTERS = 65525;
const RESERVED_SECTORS = 32;
const MIN_FAT32 = 34 * MIB;

export interface FatVolume {
  disk: string;
  /** Where the partition lies on the disk, in bytes. */
  start: number;
  size: number;
  /** Eight hex digits. */
  id: string;
  /** At most 11 characters. */
  label: string;
}

/** The largest cluster up to 4 KiB that still makes FAT32: fewer clusters load faster under GRUB. In sectors. */
export function sectorsPerCluster(size: number): number {
  const sectors = size / SECTOR;
  return [8, 4, 2].find((cluster) => sectors / cluster > MIN_CLUSTERS * 1.05 + RESERVED_SECTORS) ?? 1;
}

/** What files of these sizes take on a FAT32 volume: whole clusters of 4 KiB at most, two FATs, directories. */
export function fatBytes(fileSizes: readonly number[]): number {
  const data = fileSizes.reduce((sum, size) => sum + roundUp(size, 4096), 0);
  const fats = Math.ceil(data / SECTOR) * 4 * 2; // at worst one cluster per sector, 4 bytes each, two copies
  return data + fats + RESERVED_SECTORS * SECTOR + 64 * 4096;
}

export function mkfsVfatArgv(volume: FatVolume): string[] {
  const argv = ['mkfs.vfat', '-S', String(SECTOR)];
  // Below, firmware would take FAT32 for FAT16: the number of clusters alone decides.
  if (volume.size >= MIN_FAT32) argv.push('-F', '32', '-s', String(sectorsPerCluster(volume.size)));
  argv.push('-h', String(volume.start / SECTOR), '--offset', String(volume.start / SECTOR));
  // `-i` is ignored before `--invariant`.
  argv.push('--invariant', '-i', volume.id, '-n', volume.label, volume.disk, String(volume.size / 1024));
  return argv;
}
