/** Formats that are made of a raw disk: what each is for, and what it asks of the disk's size. */
import { MIB, roundUp, SECTOR } from './layout.ts';

const GIB = 1024 * MIB;

interface DiskFormat {
  /** Whether disks in it are larger than the image, so that there is room as soon as the system has started. */
  grows: boolean;
  /** Whether it can be given a size. */
  sized: boolean;
  /** Its size is a multiple of this. */
  unit: number;
}

const image: DiskFormat = { grows: false, sized: false, unit: SECTOR };
const machine: DiskFormat = { grows: true, sized: true, unit: SECTOR };

/** By the endings of their files. */
export const DISK_FORMATS = {
  'raw.gz': image,
  'raw.xz': image,
  'raw.zst': image,
  /** QEMU and what is built on it. */
  qcow2: machine,
  /** VMware, and importers of clouds. */
  vmdk: machine,
  /** VirtualBox. */
  vdi: machine,
  /** Hyper-V. */
  vhdx: machine,
  /** Azure, which takes fixed ones of whole MiB only, and enlarges them by itself. */
  vhd: { grows: false, sized: false, unit: MIB },
  /** Older Hyper-V, XenServer. */
  'dynamic.vhd': { grows: true, sized: true, unit: MIB },
  /** Parallels Desktop: a directory. */
  'hdd.zip': { grows: true, sized: true, unit: MIB },
  /** Google Compute Engine, which takes whole GiB only. */
  'gce.tar.gz': { grows: false, sized: true, unit: GIB },
  /** A virtual machine for VirtualBox, VMware and others, in one file and as an archive of files. */
  ova: machine,
  'ovf.zip': machine,
} as const satisfies Record<string, DiskFormat>;

export type DiskFormatName = keyof typeof DISK_FORMATS;

/** How large the disk is in a format: larger than the image by so much, and as large as `least` where that can be. */
export function virtualSize(format: DiskFormatName, raw: number, extraSpace: number, least = 0): number {
  const { grows, sized, unit } = DISK_FORMATS[format];
  return roundUp(Math.max(raw + (grows ? extraSpace : 0), sized ? least : 0), unit);
}
