/**
 * Changes a live image to what a clean build would make. All is done to a copy, which takes the image's place once it
 * has been read again and found equal: an update that is refused or killed leaves the image as it was.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { runQuiet } from '../diff/tools.ts';
import type { Partition } from '../diff/partitions.ts';
import type { Listing } from '../diff/types.ts';
import { RECORD_SIZE } from '../disk/gpt-slots.ts';
import type { Store } from '../run/store.ts';
import type { Tools } from '../vm/tools.ts';
import { copyRegion, sameRegion } from './disk.ts';
import type { HeldImage } from './held.ts';
import { checkNoMachine } from './in-use.ts';
import { inspect, readTables, type Found, type LiveBuild, type OpenFiles } from './inspect.ts';
import type { Readers } from './readers.ts';
import { differencesOf, patchRoot, refuse, summary } from './root.ts';
import { noteOf, treeDigest, writeState } from './state.ts';
import type { LiveContext, Workshop } from './workshop.ts';

export interface LiveResult {
  file: string;
  changed: boolean;
  /** How many paths of the root file system are others now. */
  paths: number;
  /** What of the machine's was kept. */
  kept: string[];
}

/** Updates one image. Throws E_LIVE; the image is then as it was. */
export async function updateImage(
  image: HeldImage,
  workshop: Workshop,
  build: LiveBuild,
  context: LiveContext,
): Promise<LiveResult> {
  const { file, format, copy } = image;
  if (image.copied !== undefined)
    return updateDisk(image, workshop, { disk: file, copied: image.copied }, build, context);
  await runQuiet(await context.tools, ['qemu-img', 'convert', '-f', format, '-O', 'raw', file, copy], {
    ...{ read: [file], write: [copy] },
  });
  const copied = Promise.resolve();
  return updateDisk(image, workshop, { disk: copy, copied }, build, context);
}

/** What there is to change. The disk is closed again by then. */
async function look(
  disk: string,
  files: Omit<OpenFiles, 'disk'>,
  build: LiveBuild,
  known: { store: Store; noted: string },
): Promise<{ root: Partition; found: Found }> {
  await using raw = await open(disk);
  const all = { ...files, disk: raw };
  const tables = await readTables(all, build);
  return { root: tables.places.root, found: await inspect(all, tables, build, known) };
}

/** `disk`: the image as a raw disk. `copied`: when the copy is whole. */
async function updateDisk(
  image: HeldImage,
  { dir, debugfs, readers }: Workshop,
  { disk, copied }: { disk: string; copied: Promise<void> },
  build: LiveBuild,
  context: LiveContext,
): Promise<LiveResult> {
  const { file, copy, noted } = image;
  const { store, signal } = context;
  await using frame = await open(build.frame);
  await using config = await open(build.config);
  const { root, found } = await look(disk, { file, frame, config }, build, { store, noted });
  const { delta, from, stale, kept } = found;
  const paths = new Set([...delta.removed, ...delta.made, ...delta.changed]).size;
  if (paths === 0 && stale.length === 0) return { file, paths, kept, changed: false };
  if (paths > 0) {
    const patch = { file, delta, from, tree: build.tree, at: root.start, dir };
    await patchRoot(patch, debugfs, { store, signal, ready: copied });
  }
  await copied;
  const after = await finish(copy, root, found, { wanted: build.tree.listing, readers });
  await replace(image, found, after, build, context);
  return { file, paths, kept, changed: true };
}

/** What is beside the root file system; then all is read again. What the latter holds. Throws E_LIVE if it is wrong. */
async function finish(
  copy: string,
  root: Partition,
  { regions, stale, size }: Found,
  { wanted, readers }: { wanted: Listing; readers: Readers },
): Promise<Listing> {
  const fd = openSync(copy, 'r+');
  try {
    for (const region of stale) copyRegion(region, fd);
    // The record tells of the image that a full build wrote.
    if (size + RECORD_SIZE <= root.size)
      writeSync(fd, Buffer.alloc(RECORD_SIZE), 0, RECORD_SIZE, root.start + root.size - RECORD_SIZE);
    const reading = readers.list(copy, root.start);
    reading.catch(() => {}); // told to who waits for it
    const same = regions.every((region) => sameRegion(region, fd));
    const after = await reading;
    const differences = differencesOf(wanted, after);
    if (differences.length > 0 || !same)
      throw refuse(`The updated image is not what a full build makes: ${summary(differences)}`);
    return after;
  } finally {
    closeSync(fd);
  }
}

/** The copy in the image's format. */
async function packed({ copy, format }: HeldImage, tools: Promise<Tools>): Promise<string> {
  if (format === 'raw') return copy;
  const file = `${copy}.${format}`;
  await writeFile(file, '');
  const run = async (argv: string[], write: string[]) =>
    runQuiet(await tools, ['qemu-img', ...argv, copy, file], { read: [copy], write });
  await run(['convert', '-f', 'raw', '-O', format], [file]);
  await run(['compare', '-f', 'raw', '-F', format], [file]);
  return file;
}

/** The last of them, each once. */
function newest(values: readonly string[]): string[] {
  return [...new Set(values.toReversed())].slice(0, 8).reverse();
}

/** The copy takes the image's place: what the store knows of it holds before and after. */
async function replace(
  image: HeldImage,
  { uuid, known, config }: Found,
  after: Listing,
  build: LiveBuild,
  { store, tools }: LiveContext,
): Promise<void> {
  const { file, noted } = image;
  const target = await packed(image, tools);
  try {
    const tree = treeDigest(build.tree.listing);
    const state = {
      variant: build.variant,
      configs: newest([...known.configs, config]),
      trees: newest([...known.trees, tree]),
    };
    await writeState(store, uuid, state);
    await checkNoMachine(file);
    if ((await noteOf(file)) !== noted)
      throw refuse(`${file} was written to meanwhile`, 'Run the command again');
    await rename(target, file);
    await image.replaced();
    // A build makes the disk in several formats.
    const others = known.trees.at(-1) === tree && known.frame === build.frameDigest ? known.notes : undefined;
    const notes = [...(others ?? []), await noteOf(file)];
    await writeState(store, uuid, { ...state, notes, frame: build.frameDigest, tree: [...after] });
  } finally {
    await rm(target, { force: true });
  }
}
