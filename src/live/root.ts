/** The root file system of a live image: what it is known to hold, and what makes of it that of a clean build. */
import { open, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { compareListings } from '../diff/compare.ts';
import type { Difference, Listing } from '../diff/types.ts';
import { OsmithError } from '../errors.ts';
import type { Store } from '../run/store.ts';
import { writeContents } from './contents.ts';
import type { WaitingDebugfs } from './debugfs.ts';
import { script, type Delta } from './delta.ts';
import { Ext4, type Superblock } from './ext4.ts';
import { treeDigest, type LiveState } from './state.ts';
import type { WantedTree } from './tree.ts';

export const FULL = 'Build without --live-update';

export function refuse(message: string, hint = FULL): OsmithError {
  return new OsmithError('E_LIVE', message, { hint });
}

/** The first differences in words. */
export function summary(differences: readonly Difference[]): string {
  const names = differences
    .slice(0, 3)
    .map(({ path, change, what }) => `/${path} (${[change, ...what].join(' ')})`);
  return `${names.join(', ')}${differences.length > 3 ? ` and ${differences.length - 3} more` : ''}`;
}

export function differencesOf(a: Listing, b: Listing): Difference[] {
  return compareListings(a, b).differences;
}

export interface Origin {
  variant: string;
  /** The file system that a build made, by its UUID; undefined if the store does not have it any more. */
  builtRoot: (uuid: string) => Promise<string | undefined>;
  /** Digest of the configuration volume that the last full build made. */
  builtConfig: string | undefined;
}

export interface Actual {
  uuid: string;
  listing: Listing;
  /** Its tree is known by the state of the image's file. */
  seen: boolean;
  /** Whether its bytes are those of a file system image. */
  isCopyOf: (built: number) => boolean;
}

/** What the root file system is known to be, or the error that says that nothing is known of it. */
export async function knownState(
  image: string,
  { uuid, listing, seen, isCopyOf }: Actual,
  state: LiveState | undefined,
  { variant, builtRoot, builtConfig }: Origin,
): Promise<LiveState> {
  if (state !== undefined && state.variant !== variant)
    throw refuse(`${image} is of another variant: ${state.variant}`);
  if (state !== undefined && (seen || state.trees.includes(treeDigest(listing)))) return state;
  const file = await builtRoot(uuid);
  if (file === undefined && state === undefined)
    throw refuse(`${image} is not known here: the store has no build that made it`);
  const differences = file === undefined ? undefined : await differencesTo(file, listing, isCopyOf);
  if (differences?.length === 0) {
    const configs = [...(state?.configs ?? []), ...(builtConfig === undefined ? [] : [builtConfig])];
    return { variant, trees: [treeDigest(listing)], configs };
  }
  if (state !== undefined)
    throw refuse(`${image} is not as the last live update left it: its root file system was written to`);
  throw refuse(`${image} is not as it was built: ${summary(differences!)}`);
}

async function differencesTo(file: string, listing: Listing, isCopyOf: Actual['isCopyOf']) {
  await using built = await open(file);
  return isCopyOf(built.fd) ? [] : differencesOf(new Ext4(built.fd, 0).list(), listing);
}

/** Bytes that files need, of those that are there. */
function blocksOf(paths: readonly string[], listing: Listing, blockSize: number): number {
  const files = paths.map((path) => listing.get(path)).filter((facts) => facts?.type === 'file');
  return files.reduce((sum, facts) => sum + Math.ceil(facts!.size! / blockSize), 0);
}

function noRoom(file: string): OsmithError {
  return refuse(
    `The root file system of ${basename(file)} has no room for what changed`,
    `${FULL}; image.headroom = 256M leaves room for the next changes`,
  );
}

/** Throws E_LIVE if new files need more than is free. */
export function checkRoom(
  file: string,
  { made, removed }: Delta,
  { from, to, about }: { from: Listing; to: Listing; about: Superblock },
): void {
  const freed = blocksOf(removed, from, about.blockSize);
  if (blocksOf(made, to, about.blockSize) > about.freeBlocks + freed) throw noRoom(file);
}

export interface Patch {
  /** The image as its user knows it. */
  file: string;
  delta: Delta;
  from: Listing;
  tree: WantedTree;
  /** Where the file system begins. */
  at: number;
  /** Where the program finds new contents, beside the store's blobs. */
  dir: string;
}

/** Makes of one tree the other. `ready`: until then the image is being copied. */
export async function patchRoot(
  { file, delta, from, tree, at, dir }: Patch,
  debugfs: Promise<WaitingDebugfs>,
  { store, signal, ready }: { store: Store; signal: AbortSignal; ready: Promise<void> },
): Promise<void> {
  const { listing, times } = tree;
  const files = delta.made.filter((path) => listing.get(path)!.type === 'file');
  const contents = await writeContents(files, tree, { store, signal, dir });
  const { commands, values } = script(delta, {
    ...{ from, to: listing, content: contents, values: dir },
    time: (path) => times.get(path) ?? 0,
  });
  for (const [name, value] of values) await writeFile(name, value);
  await ready;
  const stderr = await (await debugfs).run(at, commands);
  const complaint = stderr.split('\n').find((line) => line !== '' && !/^debugfs \d/u.test(line));
  if (complaint === undefined) return;
  if (/no (?:free )?space|Could not allocate/i.test(complaint)) throw noRoom(file);
  throw refuse(`The root file system cannot be changed: ${complaint}`);
}
