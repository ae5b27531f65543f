/** Finished systems, as others see them than what made them. */
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { readTar } from '../../../src/disk/tar-reader.ts';
import { installedPackages, tellsPackages } from '../../../src/release/sbom/databases.ts';
import { FILE } from '../../../src/run/layer/entry.ts';
import { REPO } from '../osmith.ts';
import { treeTar, type System } from '../rootfs.ts';
import type { Family } from './families.ts';

export interface Entry {
  mode: string;
  owner: [number, number];
  xattrs: Record<string, string>;
  content?: [number, string];
  target?: string;
}

/** A tree of a system as one tar file, in a directory of its own. */
export async function withTree<T>(
  system: System,
  step: string,
  use: (file: string) => Promise<T>,
): Promise<T> {
  const file = await treeTar(system, step);
  try {
    return await use(file);
  } finally {
    await rm(dirname(file), { recursive: true });
  }
}

/** A tar as an independent program reads it. */
export async function entriesOf(file: string): Promise<Record<string, Entry>> {
  const { stdout } = await execa('python3', [join(REPO, 'test/support/tree.py'), 'tar', file]);
  return JSON.parse(stdout) as Record<string, Entry>;
}

/** What is installed, by the package manager's own word. */
export async function askedOf(family: Family, file: string): Promise<string[]> {
  const root = join(dirname(file), 'root');
  const unpack = 'mkdir "$1" && tar -x -f "$2" -C "$1" --exclude=./dev --exclude=dev';
  await execa('sh', ['-c', unpack, 'sh', root, file]);
  return (await family.query(root)).sort();
}

/** What is installed, as bills of materials have it: out of the package manager's database, without the package manager. */
export async function billedIn(file: string): Promise<string[]> {
  const files = new Map<string, Buffer>();
  for await (const { entry, body } of readTar(createReadStream(file))) {
    if (entry.type !== FILE || !tellsPackages(entry.path)) continue;
    const parts: Buffer[] = [];
    for await (const part of body()) parts.push(part);
    files.set(entry.path, Buffer.concat(parts));
  }
  return installedPackages(files)
    .components.map(({ name, version }) => `${name} ${version}`)
    .sort();
}
