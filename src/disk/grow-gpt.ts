/** What has to change on a disk with a GPT that becomes larger (UEFI specification 2.10, 5.3). */
import { crc32 } from 'node:zlib';
import { GPT_ENTRY_TYPE, MBR_ENTRIES } from './hybrid-mbr.ts';
import { SECTOR } from './layout.ts';

/** Bytes to write at a place. */
export interface Patch {
  at: number;
  data: Buffer;
}

const MY_LBA = 24;
const OTHER_LBA = 32;
const LAST_USABLE = 48;
const ENTRIES_LBA = 72;
/** Of the protective MBR's only partition: how many sectors it has. */
const PROTECTIVE_SIZE = MBR_ENTRIES + 12;

/** Where the entries are, and how many bytes they take; undefined for a disk without a GPT. */
export function gptEntries(header: Buffer): { at: number; length: number } | undefined {
  if (header.toString('latin1', 0, 8) !== 'EFI PART') return undefined;
  const at = Number(header.readBigUInt64LE(ENTRIES_LBA)) * SECTOR;
  return { at, length: header.readUInt32LE(80) * header.readUInt32LE(84) };
}

function withChecksum(header: Buffer): Buffer {
  const length = header.readUInt32LE(12);
  header.writeUInt32LE(0, 16);
  header.writeUInt32LE(crc32(header.subarray(0, length)), 16);
  return header;
}

/** The second table moves to the new end, and the first one and the protective MBR say so. */
export function growGpt(mbr: Buffer, header: Buffer, entries: Buffer, total: number): Patch[] {
  const last = total / SECTOR - 1;
  const entriesLba = last - entries.length / SECTOR;
  const protective = Buffer.from(mbr);
  // With other entries beside it, the protective one covers the table only.
  if (protective[MBR_ENTRIES + 4] === GPT_ENTRY_TYPE)
    protective.writeUInt32LE(Math.min(last, 0xffffffff), PROTECTIVE_SIZE);
  const first = Buffer.from(header);
  first.writeBigUInt64LE(BigInt(last), OTHER_LBA);
  first.writeBigUInt64LE(BigInt(entriesLba - 1), LAST_USABLE);
  const second = Buffer.from(first);
  second.writeBigUInt64LE(BigInt(last), MY_LBA);
  second.writeBigUInt64LE(1n, OTHER_LBA);
  second.writeBigUInt64LE(BigInt(entriesLba), ENTRIES_LBA);
  return [
    { at: 0, data: protective },
    { at: SECTOR, data: withChecksum(first) },
    { at: entriesLba * SECTOR, data: entries },
    { at: last * SECTOR, data: withChecksum(second) },
  ];
}
