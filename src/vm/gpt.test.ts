import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guidBytes } from '../disk/ids.ts';
import { BIOS_BOOT_TYPE, ESP_TYPE } from '../disk/layouts/types.ts';
import { findEsp, findPartition } from './gpt.ts';

/** The first 2 MiB of a disk with partitions of these types, which begin at 1 MiB, 2 MiB and so on. */
function diskWith(types: string[]): Buffer {
  const disk = Buffer.alloc(2 ** 21);
  disk.write('EFI PART', 512);
  disk.writeUInt32LE(92, 512 + 12);
  disk.writeBigUInt64LE(1n, 512 + 24);
  disk.writeBigUInt64LE(2n, 512 + 72);
  disk.writeUInt32LE(128, 512 + 80);
  disk.writeUInt32LE(128, 512 + 84);
  types.forEach((type, index) => {
    guidBytes(type).copy(disk, 1024 + index * 128);
    disk.writeBigUInt64LE(BigInt(2048 * (index + 1)), 1024 + index * 128 + 32);
    disk.write(`P${index}`, 1024 + index * 128 + 56, 'utf16le');
  });
  disk.writeUInt32LE(crc32(disk.subarray(1024, 1024 + 128 * 128)), 512 + 88);
  disk.writeUInt32LE(crc32(disk.subarray(512, 512 + 92)), 512 + 16);
  return disk;
}

describe('findEsp', () => {
  let dir: string;
  let file: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'osmith-gpt-'));
    file = join(dir, 'disk.raw');
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('says where the EFI system partition begins', async () => {
    await writeFile(file, diskWith([BIOS_BOOT_TYPE, ESP_TYPE]));
    expect(await findEsp(file)).toBe(2 ** 21);
    expect(await findPartition(file, 'P0')).toBe(2 ** 20);
    await expect(findPartition(file, 'P2')).rejects.toThrow('has no partition P2');
  });

  it.each([
    ['a disk without one', diskWith([BIOS_BOOT_TYPE])],
    ['no disk', Buffer.alloc(4096)],
    ['an empty file', Buffer.alloc(0)],
  ])('fails on %s', async (_, content) => {
    await writeFile(file, content);
    await expect(findEsp(file)).rejects.toThrow('has no EFI system partition');
  });
});
