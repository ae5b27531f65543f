/**
 * The partition entries of an MBR beside a GPT, for firmware and systems that read nothing else. As sgdisk writes them:
 * the entries in front, then the one that covers the first table.
 */
import { SECTOR, type Placement } from './layout.ts';

/** Where the entries begin in the first sector. */
export const MBR_ENTRIES = 446;
const ENTRY = 16;
/** Type of the entry that says that there is a GPT (UEFI specification 2.10, 5.2.3). */
export const GPT_ENTRY_TYPE = 0xee;
const ACTIVE = 0x80;

const HEADS = 255;
const TRACK = 63;
const CYLINDERS = 1024;

/** Cylinder, head and sector in the three bytes of an entry; what lies behind the last cylinder is said to be its end. */
function chs(lba: number): number[] {
  const cylinder = Math.floor(lba / (HEADS * TRACK));
  if (cylinder >= CYLINDERS) return [HEADS - 1, 0xff, 0xff];
  const head = Math.floor(lba / TRACK) % HEADS;
  return [head, ((cylinder >> 8) << 6) | ((lba % TRACK) + 1), cylinder & 0xff];
}

function entry(type: number, first: number, sectors: number, bootable: boolean): Buffer {
  const bytes = Buffer.alloc(ENTRY);
  bytes[0] = bootable ? ACTIVE : 0;
  bytes.set(chs(first), 1);
  bytes[4] = type;
  bytes.set(chs(first + sectors - 1), 5);
  bytes.writeUInt32LE(first, 8);
  bytes.writeUInt32LE(sectors, 12);
  return bytes;
}

/** The 64 bytes at `MBR_ENTRIES`; undefined for a disk whose MBR only protects. */
export function hybridEntries({ hybrid, partitions }: Placement): Buffer | undefined {
  if (hybrid.length === 0) return undefined;
  const first = Math.min(...partitions.map(({ start }) => start)) / SECTOR;
  const named = hybrid.map(({ partition, type, bootable }) => {
    const { start, size } = partitions.find(({ spec }) => spec.name === partition)!;
    return entry(Number.parseInt(type, 16), start / SECTOR, size / SECTOR, bootable);
  });
  const entries = Buffer.alloc(4 * ENTRY);
  Buffer.concat([...named, entry(GPT_ENTRY_TYPE, 1, first - 1, false)]).copy(entries);
  return entries;
}
