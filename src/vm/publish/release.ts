/** Releases for tests: the image that is tested, or another build made from it in a moment. */
import { constants } from 'node:fs';
import { appendFile, copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { CPIO_TYPE, cpioArchive, padding4, type CpioEntry } from '../../disk/cpio.ts';
import { buildId } from '../../disk/boot-slots.ts';
import { OsmithError } from '../../errors.ts';
import { digestOf } from '../../update/boot-disk.ts';
import { chunkFile, formatIndex } from '../../update/chunks.ts';
import { artifact, findArtifact, type Image } from '../image.ts';

/** A day, in seconds: how far builds are apart that are made from the same image. */
const DAY = 86_400;

interface Making {
  /** Seconds after the image's own date. */
  later: number;
  /** What the kernel unpacks over the image's own initrd. */
  entries: CpioEntry[];
}

const file = (name: string, mode: number, text: string): CpioEntry => ({
  name,
  mode: CPIO_TYPE.file | mode,
  data: Buffer.from(text),
});

/**
 * What can be published. An initrd is a chain of archives, and one more makes another build of it: other digests, another
 * identity, and whatever the archive says comes true when it boots.
 */
export const BUILDS = {
  /** The image itself. */
  same: { later: 0, entries: [] },
  /** A later build that works. */
  newer: { later: DAY, entries: [file('osmith-release', 0o444, 'newer\n')] },
  /** A later build that does not come up: its first program ends, and the kernel panics. */
  broken: { later: DAY, entries: [file('init', 0o755, '#!/bin/busybox sh\nexit 1\n')] },
} as const satisfies Record<string, Making>;
export type BuildName = keyof typeof BUILDS;
export const BUILD_NAMES = Object.keys(BUILDS) as [BuildName];

const manifestSchema = z.looseObject({
  name: z.string(),
  epoch: z.int(),
  cmdline: z.string().optional(),
});

/** A build as it is published, but for its token. */
export interface MadeRelease {
  name: string;
  /** Name to path. */
  files: Map<string, string>;
  /** Identifies it on the machine. */
  build: string;
  manifest: Record<string, unknown> & { epoch: number };
}

async function describe([name, path]: [string, string]) {
  const { size } = await stat(path);
  return { name, size, sha256: (await digestOf(path, size))! };
}

/** Makes a release of the image below `dir`. `chunks`: with the index for small downloads, if the build made one. */
export async function makeRelease(
  image: Image,
  build: BuildName,
  { dir, chunks, cmdline }: { dir: string; chunks: boolean; cmdline?: string | undefined },
): Promise<MadeRelease> {
  await mkdir(dir, { recursive: true });
  const { later, entries }: Making = BUILDS[build];
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(image.dir, 'manifest.json'), 'utf8')));
  const names = { vmlinuz: `${image.name}.vmlinuz`, initrd: `${image.name}.initrd` };
  const initrd = join(dir, names.initrd);
  await copyFile(artifact(image, 'initrd'), initrd, constants.COPYFILE_FICLONE);
  if (entries.length > 0) {
    const archive = await buffer(Readable.from(cpioArchive(entries, manifest.epoch), { objectMode: false }));
    await appendFile(initrd, Buffer.concat([padding4((await stat(initrd)).size), archive]));
  }
  const files = new Map([
    [names.vmlinuz, artifact(image, 'vmlinuz')],
    [names.initrd, initrd],
  ]);
  if (chunks && findArtifact(image, 'initrd.chunks') !== undefined) {
    const index = `${names.initrd}.chunks`;
    files.set(index, join(dir, index));
    await writeFile(files.get(index)!, formatIndex(await chunkFile(initrd)));
  }
  const artifacts = await Promise.all([...files].map(describe));
  const parts = Object.entries(names).map(([name, path]) => ({
    ...artifacts.find((each) => each.name === path)!,
    name,
  }));
  const words = [manifest.cmdline, cmdline].filter((text) => text !== undefined && text !== '');
  return {
    ...{ name: image.name, files, build: buildId(parts) },
    manifest: { ...manifest, epoch: manifest.epoch + later, cmdline: words.join(' '), artifacts },
  };
}

/** Identity of the image itself, as its machines know it. */
export async function imageBuild(image: Image): Promise<string> {
  const text = await readFile(join(image.dir, 'manifest.json'), 'utf8');
  const { artifacts } = z
    .object({ artifacts: z.array(z.object({ name: z.string(), size: z.number(), sha256: z.string() })) })
    .parse(JSON.parse(text));
  const parts = ['vmlinuz', 'initrd'].map((name) => {
    const found = artifacts.find((each) => each.name === `${image.name}.${name}`);
    if (found !== undefined) return { ...found, name };
    throw new OsmithError('E_NO_IMAGE', `The build in ${image.dir} has no .${name} artifact`);
  });
  return buildId(parts);
}
