/** What a file, or a partition in it, is, by its first bytes. */
import type { FileHandle } from 'node:fs/promises';

export type FileSystem = 'squashfs' | 'erofs' | 'ext4' | 'fat';
export type Kind =
  FileSystem | 'tar' | 'cpio' | 'gz' | 'zst' | 'xz' | 'gpt' | 'qcow2' | 'vmdk' | 'vdi' | 'vhdx';

async function read(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  await file.read(buffer, 0, length, at);
  return buffer;
}

function isFat(sector: Buffer): boolean {
  if (sector.readUInt16LE(510) !== 0xaa55) return false;
  return sector.toString('latin1', 54, 58).startsWith('FAT') || sector.toString('latin1', 82, 87) === 'FAT32';
}

/** A file system at a place in a file. */
export async function fileSystemAt(file: FileHandle, at: number): Promise<FileSystem | undefined> {
  const head = await read(file, at, 2048);
  if (head.toString('latin1', 0, 4) === 'hsqs') return 'squashfs';
  if (head.readUInt32LE(1024) === 0xe0f5e1e2) return 'erofs';
  if (head.readUInt16LE(1024 + 56) === 0xef53) return 'ext4';
  return isFat(head) ? 'fat' : undefined;
}

const MAGIC: [Kind, at: number, string][] = [
  ['cpio', 0, '070701'],
  ['cpio', 0, '070702'],
  ['gz', 0, '\x1f\x8b'],
  ['zst', 0, '\x28\xb5\x2f\xfd'],
  ['xz', 0, '\xfd7zXZ\0'],
  ['gpt', 512, 'EFI PART'],
  ['qcow2', 0, 'QFI\xfb'],
  ['vmdk', 0, 'KDMV'],
  ['vdi', 64, '\x7f\x10\xda\xbe'],
  ['vhdx', 0, 'vhdxfile'],
  ['tar', 257, 'ustar'],
];

/** A head's kind; undefined for anything else. */
export function kindOfHead(head: Buffer): Kind | undefined {
  return MAGIC.find(([, at, text]) => head.toString('latin1', at, at + text.length) === text)?.[0];
}

export async function kindOf(file: FileHandle): Promise<Kind | undefined> {
  return kindOfHead(await read(file, 0, 1024)) ?? (await fileSystemAt(file, 0));
}
