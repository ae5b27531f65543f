/** Releases for tests: the image that is tested, or another build made from it in a moment. */
import { constants } from 'node:fs';
import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { buildId } from '../../disk/boot-slots.ts';
import { OsmithError } from '../../errors.ts';
import { digestOf } from '../../update/boot-disk.ts';
import { chunkFile, formatIndex } from '../../update/chunks.ts';
import { artifact, findArtifact, type Image } from '../image.ts';
import { slotKindOf } from '../slots/index.ts';
import type { Making as SlotMaking } from '../slots/types.ts';
import type { BuildName } from './builds.ts';

/** A day, in seconds: how far builds are apart that are made from the same image. */
const DAY = 86_400;

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

interface Making extends Pick<SlotMaking, 'buildTools'> {
  dir: string;
  /** With the index for small downloads, if the build made one. */
  chunks: boolean;
  cmdline?: string | undefined;
}

/** Makes a release of the image below `dir`. */
export async function makeRelease(
  image: Image,
  build: BuildName,
  { dir, chunks, cmdline, buildTools }: Making,
): Promise<MadeRelease> {
  await mkdir(dir, { recursive: true });
  const kind = slotKindOf(image);
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(image.dir, 'manifest.json'), 'utf8')));
  const { epoch } = manifest;
  const nameOf = (part: string) => `${image.name}.${part}`;
  const files = new Map(kind.parts.map((part) => [nameOf(part), artifact(image, part)]));
  const main = nameOf(kind.main);
  if (build !== 'same') {
    const changed = join(dir, main);
    await copyFile(files.get(main)!, changed, constants.COPYFILE_FICLONE);
    await kind.change(changed, build, { buildTools, epoch });
    files.set(main, changed);
  }
  if (chunks && findArtifact(image, `${kind.main}.chunks`) !== undefined) {
    const index = `${main}.chunks`;
    await writeFile(join(dir, index), formatIndex(await chunkFile(files.get(main)!)));
    files.set(index, join(dir, index));
  }
  const artifacts = await Promise.all([...files].map(describe));
  const parts = kind.parts.map((part) => ({
    ...artifacts.find(({ name }) => name === nameOf(part))!,
    name: part,
  }));
  const words = [manifest.cmdline, cmdline].filter((text) => text !== undefined && text !== '');
  return {
    ...{ name: image.name, files, build: buildId(parts) },
    manifest: {
      ...manifest,
      epoch: build === 'same' ? epoch : epoch + DAY,
      cmdline: words.join(' '),
      artifacts,
    },
  };
}

/** Identity of the image itself, as its machines know it. */
export async function imageBuild(image: Image): Promise<string> {
  const text = await readFile(join(image.dir, 'manifest.json'), 'utf8');
  const { artifacts } = z
    .object({ artifacts: z.array(z.object({ name: z.string(), size: z.number(), sha256: z.string() })) })
    .parse(JSON.parse(text));
  const parts = slotKindOf(image).parts.map((part) => {
    const found = artifacts.find(({ name }) => name === `${image.name}.${part}`);
    if (found !== undefined) return { ...found, name: part };
    throw new OsmithError('E_NO_IMAGE', `The build in ${image.dir} has no .${part} artifact`);
  });
  return buildId(parts);
}
