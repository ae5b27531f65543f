/** Files on a FAT partition of a disk image, the EFI system partition if not said otherwise, read and written by mtools. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fatImage } from '../disk/mtools.ts';
import { findEsp, findPartition } from './gpt.ts';
import { runTool, type Tools } from './tools.ts';

export interface EspOfDisk {
  tools: Tools;
  /** For temporary files. */
  dir: string;
  /** A raw disk image. */
  disk: string;
  /** Name of the partition; absent: the EFI system partition. */
  partition?: string | undefined;
}

const ENV = { MTOOLS_SKIP_CHECK: '1', TZ: 'UTC' };

async function mtools({ tools, dir, disk }: EspOfDisk, argv: string[]): Promise<string> {
  return runTool(tools, argv, { write: [dir, disk], env: ENV });
}

async function imageOf({ disk, partition }: EspOfDisk): Promise<string> {
  return fatImage(disk, await (partition === undefined ? findEsp(disk) : findPartition(disk, partition)));
}

/** Texts of small files; without those that are not there. While a machine is on, one may be half old and half new. */
export async function readFromEsp(esp: EspOfDisk, paths: readonly string[]): Promise<Map<string, string>> {
  const local = await mkdtemp(join(esp.dir, 'from-esp-'));
  try {
    const targets = paths.map((_, index) => join(local, String(index)));
    const image = await imageOf(esp);
    // One program for all: these files are read again and again while a machine needs the processors.
    const script =
      'image=$1; shift; while [ $# -gt 1 ]; do mcopy -n -i "$image" "$1" "$2"; shift 2; done; true';
    const pairs = paths.flatMap((path, index) => [`::${path}`, targets[index]!]);
    await mtools(esp, ['sh', '-c', script, 'sh', image, ...pairs]);
    const texts = await Promise.all(
      targets.map(async (path) => readFile(path, 'utf8').catch(() => undefined)),
    );
    return new Map(
      paths.flatMap((path, index) => (texts[index] === undefined ? [] : [[path, texts[index]]])),
    );
  } finally {
    await rm(local, { recursive: true, force: true });
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
