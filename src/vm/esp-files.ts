/** Files on the EFI system partition of a disk image, read and written from outside by mtools. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fatImage } from '../disk/mtools.ts';
import { OsmithError } from '../errors.ts';
import { findEsp } from './gpt.ts';
import { runTool, type Tools } from './tools.ts';

export interface EspOfDisk {
  tools: Tools;
  /** For temporary files. */
  dir: string;
  /** A raw disk image. */
  disk: string;
}

const ENV = { MTOOLS_SKIP_CHECK: '1', TZ: 'UTC' };

async function mtools({ tools, dir, disk }: EspOfDisk, argv: string[]): Promise<string> {
  return runTool(tools, argv, { write: [dir, disk], env: ENV });
}

async function imageOf({ disk }: EspOfDisk): Promise<string> {
  return fatImage(disk, await findEsp(disk));
}

/** A file's text; undefined if there is none. While a machine is on, it may be half old and half new. */
export async function readFromEsp(esp: EspOfDisk, path: string): Promise<string | undefined> {
  const local = join(esp.dir, 'from-esp');
  try {
    await mtools(esp, ['mcopy', '-n', '-o', '-i', await imageOf(esp), `::${path}`, local]);
    return await readFile(local, 'utf8');
  } catch (error) {
    if (error instanceof OsmithError && error.code === 'E_TOOL') return undefined;
    throw error;
  } finally {
    await rm(local, { force: true });
  }
}

export async function writeToEsp(esp: EspOfDisk, path: string, text: string): Promise<void> {
  const local = join(esp.dir, 'to-esp');
  await writeFile(local, text);
  await mtools(esp, ['mcopy', '-o', '-i', await imageOf(esp), local, `::${path}`]);
  await rm(local);
}

/** Removes files. Only while no machine has the disk. */
export async function deleteFromEsp(esp: EspOfDisk, paths: readonly string[]): Promise<void> {
  await mtools(esp, ['mdel', '-i', await imageOf(esp), ...paths.map((path) => `::${path}`)]);
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** SHA-256 of the whole disk. */
export async function diskDigest({ disk }: EspOfDisk): Promise<string> {
  return digestOfFile(disk);
}

/** Every file to its SHA-256. */
export async function espDigests(esp: EspOfDisk): Promise<Map<string, string>> {
  const copy = join(esp.dir, 'esp');
  await mkdir(copy, { recursive: true });
  try {
    await mtools(esp, ['mcopy', '-s', '-n', '-o', '-i', await imageOf(esp), '::', copy]);
    const entries = await readdir(copy, { recursive: true, withFileTypes: true });
    const paths = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));
    const files = new Map<string, string>();
    for (const path of paths.sort()) files.set(relative(copy, path), await digestOfFile(path));
    return files;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
