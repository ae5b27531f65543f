/** The partitions of a GPT disk (UEFI specification 2.10, 5.3), for reading only. */
import type { FileHandle } from 'node:fs/promises';

const SECTOR = 512;

export interface Partition {
  number: number;
  start: number;
  size: number;
  /** All that the table says but where it is. */
  about: string;
}

function guid(bytes: Buffer): string {
  const hex = [bytes.readUInt32LE(0).toString(16).padStart(8, '0')];
  for (const at of [4, 6]) hex.push(bytes.readUInt16LE(at).toString(16).padStart(4, '0'));
  hex.push(bytes.toString('hex', 8, 10), bytes.toString('hex', 10, 16));
  return hex.join('-');
}

export async function readPartitions(file: FileHandle): Promise<Partition[]> {
  const read = async (at: number, length: number) =>
    (await file.read(Buffer.alloc(length), 0, length, at)).buffer;
  const header = await read(SECTOR, SECTOR);
  const count = Math.min(header.readUInt32LE(80), 1024);
  const size = Math.min(header.readUInt32LE(84), 4096);
  const entries = await read(Number(header.readBigUInt64LE(72)) * SECTOR, count * size);
  const found: Partition[] = [];
  for (let index = 0; index < count; index += 1) {
    const entry = entries.subarray(index * size, (index + 1) * size);
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    const [first, last] = [32, 40].map((at) => Number(entry.readBigUInt64LE(at))) as [number, number];
    const name = entry.toString('utf16le', 56, 128).replace(/\0.*/u, '');
    const about = [
      `type ${guid(entry.subarray(0, 16))}`,
      `uuid ${guid(entry.subarray(16, 32))}`,
      ...[`start ${first}`, `sectors ${last - first + 1}`],
      ...[`attributes ${entry.readBigUInt64LE(48).toString(16)}`, `name ${JSON.stringify(name)}`],
    ].join(', ');
    const length = (last - first + 1) * SECTOR;
    found.push({ number: index + 1, start: first * SECTOR, size: length, about });
  }
  return found;
}
