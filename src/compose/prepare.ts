/** From the text of files to the items of a tar: everything that can be wrong is found before anything is written. */
import { stat } from 'node:fs/promises';
import { createReadStream, createWriteStream } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { uniqueName } from '../env.ts';
import { isSystemError, OsmithError } from '../errors.ts';
import { parseReference } from '../oci/reference.ts';
import { pullLayout, type StoredLayout } from '../oci/pull-layout.ts';
import { pullImages, type Puller, type WantedImage } from '../oci/pull.ts';
import type { StoredImage } from '../oci/stored.ts';
import { COMPOSED_BILL } from '../release/sbom/brought.ts';
import { imagePurl } from '../release/sbom/purl.ts';
import { addBlob, hasBlob, sha256File } from '../run/store.ts';
import { imagesOf, type Composition } from './composition.ts';
import { checkFiles } from './files.ts';
import { openInputTar, reuse } from './input-tar.ts';
import type { Content, Item, SbomItem } from './items.ts';
import type { FileEntry, Volume } from './schema.ts';
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

/** Brings a file into the store. One that is there already, as most are, is only read. */
async function keep(puller: Puller, path: string): Promise<Content> {
  const known = { digest: await sha256File(path), size: (await stat(path)).size };
  if (await hasBlob(puller.store, known)) return { blob: known.digest, size: known.size };
  const copy = join(await puller.scratch(), uniqueName());
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), createWriteStream(copy));
  const { digest, size } = await addBlob(puller.store, copy);
  return { blob: digest, size };
}

/** Images of volumes that are kept as they are: nothing of them is unpacked. */
function isLayout({ image, format }: Volume): boolean {
  return format === 'oci' && Boolean(image);
}

/** Every image whose files are needed. */
function wantedImages(composition: Composition, part: WantedImage['part']): WantedImage[] {
  const volumes = composition.volumes.filter((volume) => !isLayout(volume));
  return imagesOf({ ...composition, volumes }).map(({ image, where }) => {
    return { reference: parseReference(image), where, part };
  });
}

async function pullLayouts(composition: Composition, puller: Puller): Promise<Map<Volume, StoredLayout>> {
  const layouts = new Map<Volume, StoredLayout>();
  for (const volume of composition.volumes.filter(isLayout)) {
    const where = whereOf(volume, 'image');
    const reference = parseReference(volume.image!, where);
    layouts.set(volume, await pullLayout(puller, reference, volume.platforms ?? [], where));
  }
  return layouts;
}

export interface PrepareOptions {
  /** Takes the compression off the kernel. */
  decompress: boolean;
  /** Where the software bill of materials goes; undefined: there is none. */
  sbom: string | undefined;
  /** A tar that was composed before. */
  inputTar: string | undefined;
}

/** One bill of all images at the places where their files are. */
function sbomItem(path: string, items: readonly Item[], images: ReadonlyMap<string, StoredImage>): Item {
  const taken = items.flatMap((item): SbomItem['images'] => {
    if (item.kind !== 'image' && item.kind !== 'kernel' && item.kind !== 'copied') return [];
    const { name, digest, bills = [] } = images.get(item.source)!;
    if (bills.length > 1) {
      throw new OsmithError('E_IMAGE', `${name} has ${bills.length} software bills of materials (SPDX)`, {
        hint: 'Build it with one, or leave all of them out with --no-sbom',
      });
    }
    const { registry, repository } = parseReference(name);
    const attestation = bills[0] && { blob: bills[0].digest, size: bills[0].size };
    const purl = imagePurl(registry, repository, digest);
    const prefix = item.kind === 'kernel' ? '' : item.prefix;
    return [{ name, digest, purl, prefix, location: item.location, ...(attestation && { attestation }) }];
  });
  // An image that is twice in the system's root is one part of it.
  const once = new Map(taken.map((each) => [`${each.prefix}\0${each.name}`, each]));
  return {
    kind: 'sbom',
    path,
    format: /\.cdx\.json$/.test(path) ? 'cyclonedx' : 'spdx',
    images: [...once.values()],
  };
}

/**
 * Fetches images and files into the store and lays out the tar. Throws E_COMPOSE, E_IMAGE, E_NETWORK, E_SIGNATURE.
 */
export async function prepare(
  composition: Composition,
  puller: Puller,
  { decompress, sbom, inputTar }: PrepareOptions,
): Promise<Item[]> {
  checkFiles(composition.files);
  const paths = await findSources(composition);
  const bill = sbom ?? COMPOSED_BILL;
  const old = inputTar === undefined ? undefined : await openInputTar(inputTar, bill, puller);
  const images = await pullImages(
    puller,
    wantedImages(composition, old === undefined ? 'all' : 'description'),
  );
  const layouts = await pullLayouts(composition, puller);
  const sources = new Map<string, Content | undefined>();
  for (const [source, path] of paths) {
    sources.set(source, path === undefined ? undefined : await keep(puller, path));
  }
  const lay = () => {
    const all = treeItems(composition, { images, layouts, sources }, decompress);
    const digests = new Map([...images.values()].map(({ name, digest }) => [name, digest]));
    return old === undefined ? all : reuse(all, old, digests);
  };
  let items = lay();
  if (old !== undefined) {
    // Only what the old tar does not have is fetched whole.
    const lacking = new Set(items.flatMap((item) => ('layers' in item ? [item.source] : [])));
    const wanted = wantedImages(composition, 'all').filter(({ reference }) => lacking.has(reference.full));
    for (const [name, image] of await pullImages(puller, wanted)) images.set(name, image);
    items = lay();
  }
  return sbom === undefined ? items : [...items, sbomItem(sbom, items, images)];
}
