/** The two tables of a disk with a GPT, read and changed so that one is whole at any moment (UEFI specification 2.10, 5.3). */
import { crc32 } from 'node:zlib';
import { OsmithError } from '../errors.ts';
import { SECTOR } from './layout.ts';

/** A disk, or a partition, as bytes. What was written is on the medium when `sync` has returned. */
export interface RawDisk {
  /** Bytes in all. */
  size(): Promise<number>;
  read(at: number, length: number): Promise<Buffer>;
  write(at: number, data: Uint8Array): Promise<void>;
  sync(): Promise<void>;
}

const HEADER_CRC = 16;
const MY_LBA = 24;
const OTHER_LBA = 32;
const ENTRIES_LBA = 72;
const COUNT = 80;
const ENTRY_SIZE = 84;
const ENTRIES_CRC = 88;

interface Table {
  header: Buffer;
  entries: Buffer;
}

export interface Gpt {
  /** The table that counts. */
  table: Table;
  /** Whether the first one is damaged, and the second counts. */
  firstDamaged: boolean;
}

/** The table whose header is in a sector; undefined if it is not whole. */
async function readTable(disk: RawDisk, lba: number): Promise<Table | undefined> {
  if (lba < 1) return undefined;
  const header = await disk.read(lba * SECTOR, SECTOR);
  if (header.length < SECTOR || header.toString('latin1', 0, 8) !== 'EFI PART') return undefined;
  const length = header.readUInt32LE(12);
  if (length < 92 || length > SECTOR || Number(header.readBigUInt64LE(MY_LBA)) !== lba) return undefined;
  const zeroed = Buffer.from(header.subarray(0, length));
  zeroed.writeUInt32LE(0, HEADER_CRC);
  if (crc32(zeroed) !== header.readUInt32LE(HEADER_CRC)) return undefined;
  const bytes = header.readUInt32LE(COUNT) * header.readUInt32LE(ENTRY_SIZE);
  const entries = await disk.read(Number(header.readBigUInt64LE(ENTRIES_LBA)) * SECTOR, bytes);
  return crc32(entries) === header.readUInt32LE(ENTRIES_CRC) ? { header, entries } : undefined;
}

/** Throws E_UPDATE when both tables are damaged. */
export async function readGpt(disk: RawDisk): Promise<Gpt> {
  const first = await readTable(disk, 1);
  if (first !== undefined) return { table: first, firstDamaged: false };
  const second = await readTable(disk, Math.floor((await disk.size()) / SECTOR) - 1);
  if (second !== undefined) return { table: second, firstDamaged: true };
  throw new OsmithError('E_UPDATE', 'Both partition tables of the disk are damaged', {
    hint: 'Install the machine again: nothing tells any more where its partitions are',
  });
}

/** The table as it is to be in a sector, with other entries. */
function placed(
  { header }: Table,
  entries: Buffer,
  place: Record<'my' | 'other' | 'entries', number>,
): Buffer {
  const next = Buffer.from(header);
  next.writeBigUInt64LE(BigInt(place.my), MY_LBA);
  next.writeBigUInt64LE(BigInt(place.other), OTHER_LBA);
  next.writeBigUInt64LE(BigInt(place.entries), ENTRIES_LBA);
  next.writeUInt32LE(crc32(entries), ENTRIES_CRC);
  next.writeUInt32LE(0, HEADER_CRC);
  next.writeUInt32LE(crc32(next.subarray(0, next.readUInt32LE(12))), HEADER_CRC);
  return next;
}

/**
 * Writes both tables, one after the other has reached the medium: first the one that does not count. So a cut of power
 * leaves the old entries or the new, and what was damaged is mended.
 */
export async function writeEntries(
  disk: RawDisk,
  { table, firstDamaged }: Gpt,
  entries: Buffer,
): Promise<void> {
  const [my, other] = [MY_LBA, OTHER_LBA].map((at) => Number(table.header.readBigUInt64LE(at))) as [
    number,
    number,
  ];
  const last = firstDamaged ? my : other;
  const lastEntries = last - Math.ceil(entries.length / SECTOR);
  const first = { my: 1, other: last, entries: 2 };
  const second = { my: last, other: 1, entries: lastEntries };
  for (const place of firstDamaged ? [first, second] : [second, first]) {
    await disk.write(place.entries * SECTOR, entries);
    await disk.write(place.my * SECTOR, placed(table, entries, place));
    await disk.sync();
  }
}

/** A partition as its entry says. */
export interface GptEntry {
  /** From 1. */
  number: number;
  /** In the byte order of the table. */
  type: Buffer;
  name: string;
  /** Bytes. */
  start: number;
  size: number;
  /** Bits 48 to 63 of the attributes, whose meaning is up to the type. */
  state: number;
}

/** Of an entry: first and last sector, attributes, the upper bits of which belong to the type, and the name. */
const FIRST = 32;
const LAST = 40;
const STATE = 54;
const NAME = 56;

export function entriesOf({ header, entries }: Table): GptEntry[] {
  const size = header.readUInt32LE(ENTRY_SIZE);
  return Array.from({ length: Math.floor(entries.length / size) }, (_, index) => {
    const entry = entries.subarray(index * size, (index + 1) * size);
    const [first, last] = [FIRST, LAST].map((at) => Number(entry.readBigUInt64LE(at))) as [number, number];
    return {
      number: index + 1,
      type: entry.subarray(0, 16),
      name: entry.toString('utf16le', NAME, 128).replace(/\0.*$/s, ''),
      ...{ start: first * SECTOR, size: (last - first + 1) * SECTOR },
      state: entry.readUInt16LE(STATE),
    };
  });
}

/** The entries with other states, by numbers of partitions. */
export function withStates({ header, entries }: Table, states: ReadonlyMap<number, number>): Buffer {
  const next = Buffer.from(entries);
  const size = header.readUInt32LE(ENTRY_SIZE);
  for (const [number, state] of states) next.writeUInt16LE(state, (number - 1) * size + STATE);
  return next;
}
