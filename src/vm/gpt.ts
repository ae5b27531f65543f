/** Finds partitions of a raw disk image (UEFI specification 2.10, 5.3). */
import { open } from 'node:fs/promises';
import { guidBytes } from '../disk/ids.ts';
import { ESP_TYPE } from '../disk/layouts/types.ts';
import { SECTOR } from '../disk/layout.ts';
import { OsmithError } from '../errors.ts';

/** Where an entry has the name. */
const [NAME, NAME_END] = [56, 128];

/** Byte offset of the ESP. */
export async function findEsp(file: string): Promise<number> {
  return findPartition(file, undefined);
}

/** Byte offset of the partition with this name; without a name, of the ESP. */
export async function findPartition(file: string, name: string | undefined): Promise<number> {
  const disk = await open(file, 'r');
  try {
    const read = async (at: number, length: number) =>
      (await disk.read(Buffer.alloc(length), 0, length, at)).buffer;
    const header = await read(SECTOR, SECTOR);
    if (header.toString('latin1', 0, 8) !== 'EFI PART') throw none(file, name);
    const count = Math.min(header.readUInt32LE(80), 1024);
    const size = header.readUInt32LE(84);
    const entries = await read(Number(header.readBigUInt64LE(72)) * SECTOR, count * size);
    const type = guidBytes(ESP_TYPE);
    for (let at = 0; at < entries.length; at += size) {
      const title = entries.toString('utf16le', at + NAME, at + NAME_END).replace(/\0.*$/s, '');
      const found = name === undefined ? entries.subarray(at, at + 16).equals(type) : title === name;
      if (found) return Number(entries.readBigUInt64LE(at + 32)) * SECTOR;
    }
    throw none(file, name);
  } finally {
    await disk.close();
  }
}

function none(file: string, name = 'EFI system'): OsmithError {
  return new OsmithError('E_TEST', `${file} has no ${name} partition`);
}
