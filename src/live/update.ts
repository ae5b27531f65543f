/**
 * Changes a live image to what a clean build would make. All is done to a copy, which takes the image's place once it
 * has been read again and found equal: an update that is refused or killed leaves the image as it was.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { compareListings } from '../diff/compare.ts';
import { readPartitions } from '../diff/partitions.ts';
import { runQuiet } from '../diff/tools.ts';
import type { Difference, Listing } from '../diff/types.ts';
import type { DiskLayout } from '../disk/layout.ts';
import { RECORD_SIZE } from '../disk/gpt-slots.ts';
import { uniqueName } from '../env.ts';
import { OsmithError } from '../errors.ts';
import type { Store } from '../run/store.ts';
import type { Tools } from '../vm/tools.ts';
import { writeContents } from './contents.ts';
import { deltaOf, script, type Delta } from './delta.ts';
import { bootRegions, checkTable, copyRegion, regionDigest, sameRegion } from './disk.ts';
import { Ext4 } from './ext4.ts';
import { checkNoMachine, holdImage } from './in-use.ts';
import { noteOf, readState, treeDigest, writeState, type LiveState } from './state.ts';
import type { WantedTree } from './tree.ts';

export interface LiveBuild {
  variant: string;
  tree: WantedTree;
  /** Files of the disk without its contents, and of the configuration volume. */
  frame: string;
  frameDigest: string;
  config: string;
  layout: DiskLayout;
  /** Name of the slot's partition in the layout. */
  slot: string;
  /** The file system that a build made, by its UUID; undefined if the store does not have it any more. */
  builtRoot: (uuid: string) => Promise<string | undefined>;
  /** Digest of the configuration volume that the last full build made. */
  builtConfig: string | undefined;
}

export interface LiveContext {
  store: Store;
  scratch: string;
  /** Made ready meanwhile. */
  tools: Promise<Tools>;
  signal: AbortSignal;
}

export interface LiveResult {
  file: string;
  changed: boolean;
  /** How many paths of the root file system are others now. */
  paths: number;
  /** What of the machine's was kept. */
  kept: string[];
}

const FULL = 'Build without --live-update';

function refuse(message: string, hint = FULL): OsmithError {
  return new OsmithError('E_LIVE', message, { hint });
}

function summary(differences: readonly Difference[]): string {
  const names = differences
    .slice(0, 3)
    .map(({ path, change, what }) => `/${path} (${[change, ...what].join(' ')})`);
  return `${names.join(', ')}${differences.length > 3 ? ` and ${differences.length - 3} more` : ''}`;
}

function differencesOf(a: Listing, b: Listing): Difference[] {
  return compareListings(a, b, { ignore: () => false, contentOnly: false }).differences;
}

/** Removes copies that killed updates left. */
async function mend(file: string): Promise<void> {
  const prefix = `.${basename(file)}.live-`;
  const left = (await readdir(dirname(file))).filter((name) => name.startsWith(prefix));
  for (const name of left) await rm(join(dirname(file), name), { force: true });
}

async function copyImage(file: string, format: string, to: string, context: LiveContext): Promise<void> {
  if (format === 'raw') {
    const { execa } = await import('execa');
    await execa('cp', ['--reflink=auto', '--sparse=auto', '--', file, to], { cancelSignal: context.signal });
    return;
  }
  const argv = ['qemu-img', 'convert', '-f', format, '-O', 'raw', file, to];
  await writeFile(to, '');
  await runQuiet(await context.tools, argv, { read: [file], write: [to] });
}

/** What an image is known to hold, or the error that says that nothing is known of it. */
async function knownTree(
  image: string,
  { uuid, actual, state }: { uuid: string; actual: Listing; state: LiveState | undefined },
  { variant, builtRoot, builtConfig }: LiveBuild,
): Promise<LiveState> {
  if (state !== undefined && state.variant !== variant)
    throw refuse(`${image} is of another variant: ${state.variant}`);
  if (state?.trees.includes(treeDigest(actual)) === true) return state;
  if (state !== undefined) {
    throw refuse(`${image} is not as the last live update left it: its root file system was written to`);
  }
  const file = await builtRoot(uuid);
  if (file === undefined) throw refuse(`${image} is not known here: the store has no build that made it`);
  await using built = await open(file);
  const differences = differencesOf(new Ext4(built.fd, 0).list(), actual);
  if (differences.length > 0) throw refuse(`${image} is not as it was built: ${summary(differences)}`);
  return { variant, trees: [treeDigest(actual)], configs: builtConfig === undefined ? [] : [builtConfig] };
}

/** Bytes that files need, of those that are made. */
function blocksOf(paths: readonly string[], listing: Listing, blockSize: number): number {
  return paths.reduce((sum, path) => sum + Math.ceil((listing.get(path)!.size ?? 1) / blockSize), 0);
}

async function patchRoot(
  image: string,
  at: number,
  delta: Delta,
  from: Listing,
  build: LiveBuild,
  context: LiveContext,
  copied: Promise<void>,
): Promise<void> {
  const { listing, times } = build.tree;
  const dir = join(context.scratch, uniqueName());
  await mkdir(dir);
  const files = delta.made.filter((path) => listing.get(path)!.type === 'file');
  const contents = await writeContents(files, build.tree, { ...context, dir });
  const { commands, values } = script(delta, {
    ...{ from, to: listing, content: contents.file, values: dir },
    time: (path) => times.get(path) ?? 0,
  });
  for (const [file, value] of values) await writeFile(file, value);
  const commandFile = join(dir, 'commands');
  await writeFile(commandFile, commands);
  await copied;
  const { stderr } = await runQuiet(
    await context.tools,
    ['debugfs', '-w', '-f', commandFile, `${image}?offset=${at}`],
    { read: [dir, ...contents.blobs], write: [image] },
  );
  const complaint = stderr.split('\n').find((line) => line !== '' && !/^debugfs \d/u.test(line));
  await rm(dir, { recursive: true, force: true });
  if (complaint === undefined) return;
  if (/no (?:free )?space|Could not allocate/i.test(complaint)) throw noRoom(image);
  throw refuse(`The root file system cannot be changed: ${complaint}`);
}

function noRoom(file: string): OsmithError {
  return refuse(
    `The root file system of ${basename(file)} has no room for what changed`,
    `${FULL}; image.headroom = 256M leaves room for the next changes`,
  );
}

/** Updates one image. Throws E_LIVE; the image is then as it was. */
export async function updateImage(
  { file, format }: { file: string; format: 'raw' | 'qcow2' },
  build: LiveBuild,
  context: LiveContext,
): Promise<LiveResult> {
  await mend(file);
  const lock = await holdImage(file);
  const copy = join(dirname(file), `.${basename(file)}.live-${uniqueName()}`);
  const packed = `${copy}.${format}`;
  try {
    // Raw disks are only copied if there is something to do.
    if (format !== 'raw') await copyImage(file, format, copy, context);
    return await updateRaw(file, format === 'raw' ? file : copy, copy, packed, build, context);
  } finally {
    await lock.release();
    for (const each of [copy, packed]) await rm(each, { force: true });
  }
}

async function updateRaw(
  file: string,
  raw: string,
  copy: string,
  packed: string,
  build: LiveBuild,
  context: LiveContext,
): Promise<LiveResult> {
  const { store } = context;
  const { listing } = build.tree;
  const numberOf = (name: string) => build.layout.partitions.find((each) => each.name === name)!.number!;
  const slot = numberOf(build.slot);
  await using frameFile = await open(build.frame);
  await using configFile = await open(build.config);
  await using image = await open(raw);
  const frame = await readPartitions(frameFile);
  const { own, added } = checkTable(file, { image: await readPartitions(image), frame, slot });
  const root = own.get(slot)!;
  const before = new Ext4(image.fd, root.start);
  const { uuid, needsRecovery, freeBlocks, blockSize, size } = before.about;
  if (needsRecovery)
    throw refuse(`${file} holds a root file system that was not unmounted: its machine wrote to it`);
  const state = await readState(store, uuid);
  const seen = state?.note !== undefined && state.note === (await noteOf(file)) ? state.tree : undefined;
  const from: Listing = seen === undefined ? before.list() : new Map(seen);
  const known = await knownTree(file, { uuid, actual: from, state }, build);
  const delta = deltaOf(from, listing);
  const paths = new Set([...delta.removed, ...delta.made, ...delta.changed]).size;
  const isFile = (each: Listing) => (path: string) => each.get(path)?.type === 'file';
  const need = blocksOf(delta.made.filter(isFile(listing)), listing, blockSize);
  const freed = blocksOf(delta.removed.filter(isFile(from)), from, blockSize);
  if (need > freeBlocks + freed) throw noRoom(file);

  const confPart = own.get(
    build.layout.partitions.find(({ name, contents }) => contents === 'image' && name !== build.slot)!
      .number!,
  )!;
  const newConfig = regionDigest(configFile.fd, 0, confPart.size);
  const oldConfig = regionDigest(image.fd, confPart.start, confPart.size);
  const ownConfig = known.configs.includes(oldConfig) || oldConfig === newConfig;
  const kept = added.map(({ number, about }) => `${number} ${/name "(.*)"/.exec(about)?.[1] ?? ''}`.trim());
  if (!ownConfig) kept.push(`${confPart.number} CONFIG, which the machine or somebody else wrote to`);
  const esps = build.layout.partitions
    .filter(({ contents }) => contents === 'esp')
    .map(({ number }) => own.get(number!)!);
  const regions: [from: number, atFrom: number, at: number, length: number][] = [
    ...bootRegions(frame).map(([at, length]): [number, number, number, number] => [
      frameFile.fd,
      at,
      at,
      length,
    ]),
    ...esps.map(({ start, size }): [number, number, number, number] => [frameFile.fd, start, start, size]),
    ...(ownConfig
      ? [[configFile.fd, 0, confPart.start, confPart.size] as [number, number, number, number]]
      : []),
  ];
  const isStale = ([fd, at, to, length]: (typeof regions)[number]) =>
    !sameRegion(fd, at, image.fd, to, length);
  // What an update wrote is compared in the end.
  const written = seen !== undefined && state?.frame === build.frameDigest && oldConfig === newConfig;
  const stale = written ? [] : regions.filter(isStale);
  const result = { file, paths, kept };
  if (paths === 0 && stale.length === 0) return { ...result, changed: false };

  const noted = await noteOf(file);
  const copied = raw === copy ? Promise.resolve() : copyImage(raw, 'raw', copy, context);
  if (paths > 0) await patchRoot(copy, root.start, delta, from, build, context, copied);
  await copied;
  const fd = openSync(copy, 'r+');
  let after: Listing;
  try {
    for (const [from, at, to, length] of stale) copyRegion(from, at, fd, to, length);
    // The record tells of the image that a full build wrote.
    if (size + RECORD_SIZE <= root.size)
      writeSync(fd, Buffer.alloc(RECORD_SIZE), 0, RECORD_SIZE, root.start + root.size - RECORD_SIZE);
    after = new Ext4(fd, root.start).list();
    const wrong = regions.filter(([from, at, to, length]) => !sameRegion(from, at, fd, to, length));
    const differences = differencesOf(listing, after);
    if (differences.length > 0 || wrong.length > 0) {
      throw refuse(`The updated image is not what a full build makes: ${summary(differences)}`);
    }
  } finally {
    closeSync(fd);
  }
  const target = file.endsWith('.qcow2') && raw === copy ? packed : copy;
  if (target === packed) {
    await writeFile(packed, '');
    await runQuiet(await context.tools, ['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', copy, packed], {
      ...{ read: [copy], write: [packed] },
    });
    await runQuiet(await context.tools, ['qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', copy, packed], {
      read: [copy, packed],
    });
  }
  const tree = treeDigest(listing);
  const configs = [...new Set([...known.configs, newConfig])].slice(-8);
  await writeState(store, uuid, { ...known, trees: [...new Set([...known.trees, tree])], configs });
  await checkNoMachine(file);
  if ((await noteOf(file)) !== noted)
    throw refuse(`${file} was written to meanwhile`, 'Run the command again');
  await rename(target, file);
  await writeState(store, uuid, {
    ...{
      variant: build.variant,
      trees: [tree],
      configs,
      frame: build.frameDigest,
      note: await noteOf(file),
      tree: [...after],
    },
  });
  return { ...result, changed: true };
}
