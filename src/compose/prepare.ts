/** From the text of files to the items of a tar: everything that can be wrong is found before anything is written. */
import { stat } from 'node:fs/promises';
import { createReadStream, createWriteStream } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { uniqueName } from '../env.ts';
import { isSystemError, OsmithError } from '../errors.ts';
import { parseReference } from '../oci/reference.ts';
import { pullImages, type Puller } from '../oci/pull.ts';
import { addBlob } from '../run/store.ts';
import { imagesOf, type Composition } from './composition.ts';
import { checkFiles, type FileSources } from './files.ts';
import type { Content, Item } from './items.ts';
import type { FileEntry } from './schema.ts';
import { treeItems } from './tree.ts';
import { whereOf } from './yaml.ts';

function sourcePath(source: string): string {
  return resolve(source.startsWith('~/') ? join(homedir(), source.slice(2)) : source);
}

/** Checks that a file can be read; undefined when it is not there and need not be. */
async function readable(file: FileEntry): Promise<string | undefined> {
  const path = sourcePath(file.source!);
  try {
    if ((await stat(path)).isFile()) return path;
    throw new OsmithError('E_COMPOSE', `${path} is no file`, {
      where: whereOf(file, 'source'),
      hint: 'source names one file; make an entry for each',
    });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (file.optional) return undefined;
    throw new OsmithError('E_COMPOSE', `Cannot read ${path}: ${error.message}`, {
      where: whereOf(file, 'source'),
      hint: 'Paths are relative to the directory in which the command runs; optional: true leaves out what is missing',
      cause: error,
    });
  }
}

/** Where the contents of `source:` files are; all looked at before the first is read. */
async function findSources(composition: Composition): Promise<Map<string, string | undefined>> {
  const paths = new Map<string, string | undefined>();
  for (const file of composition.files) if (file.source) paths.set(file.source, await readable(file));
  return paths;
}

async function keep(puller: Puller, path: string): Promise<Content> {
  const copy = join(puller.scratch, uniqueName());
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), createWriteStream(copy));
  const { digest, size } = await addBlob(puller.store, copy);
  return { blob: digest, size };
}

/** Fetches images and files into the store and lays out the tar. Throws E_COMPOSE, E_IMAGE, E_NETWORK, E_SIGNATURE. */
export async function prepare(composition: Composition, puller: Puller): Promise<Item[]> {
  checkFiles(composition.files);
  const paths = await findSources(composition);
  const wanted = imagesOf(composition).map(({ image, where }) => ({
    reference: parseReference(image),
    where,
  }));
  const images = await pullImages(puller, wanted);
  const sources = new Map<string, Content | undefined>();
  for (const [source, path] of paths) {
    sources.set(source, path === undefined ? undefined : await keep(puller, path));
  }
  return treeItems(composition, images, sources satisfies FileSources);
}
