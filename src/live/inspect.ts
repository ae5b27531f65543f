/** What an image holds, and in what it differs from a clean build. Nothing is changed here. */
import type { FileHandle } from 'node:fs/promises';
import { readPartitions, type Partition } from '../diff/partitions.ts';
import { fileSystemAt } from '../diff/sniff.ts';
import type { Listing } from '../diff/types.ts';
import type { DiskLayout } from '../disk/layout.ts';
import type { Store } from '../run/store.ts';
import { deltaOf, type Delta } from './delta.ts';
import { checkTable, frameRegions, regionDigest, sameRegion, type Places, type Region } from './disk.ts';
import { Ext4 } from './ext4.ts';
import { checkRoom, knownState, refuse, type Origin } from './root.ts';
import { readState, type LiveState } from './state.ts';
import type { WantedTree } from './tree.ts';

export interface LiveBuild extends Origin {
  tree: WantedTree;
  /** Files of the disk without its contents, and of the configuration volume. */
  frame: string;
  frameDigest: string;
  config: string;
  layout: DiskLayout;
  /** Name of the slot's partition in the layout. */
  slot: string;
}

/** The files that are compared. */
export interface OpenFiles {
  /** The image's name, for messages. */
  file: string;
  /** The raw disk, and those of the build. */
  disk: FileHandle;
  frame: FileHandle;
  config: FileHandle;
}

export interface Found {
  uuid: string;
  /** Bytes of the root file system. */
  size: number;
  from: Listing;
  delta: Delta;
  known: LiveState;
  /** Digest of the configuration volume that a build makes now. */
  config: string;
  /** Bytes that are to be as in a clean build; those of them that are not. */
  regions: Region[];
  stale: Region[];
  /** What of the machine's is kept. */
  kept: string[];
}

export interface Disk {
  /** Partitions of a clean build. */
  frame: Partition[];
  places: Places;
}

/** Finds the partitions. Throws E_LIVE if they are not what builds make. */
export async function readTables(files: OpenFiles, { layout, slot }: LiveBuild): Promise<Disk> {
  const [frame, image] = await Promise.all([readPartitions(files.frame), readPartitions(files.disk)]);
  return { frame, places: checkTable(files.file, { image, frame, layout, slot }) };
}

/** Compares. `noted`: the state of the image's file. Throws E_LIVE for an image that may not be changed. */
export async function inspect(
  files: OpenFiles,
  { frame, places }: Disk,
  build: LiveBuild,
  { store, noted }: { store: Store; noted: string },
): Promise<Found> {
  const { file } = files;
  const disk = files.disk.fd;
  const { root, config, added } = places;
  const kind = await fileSystemAt(files.disk, root.start);
  if (kind !== 'ext4') throw refuse(`The root file system in ${file} is ${kind ?? 'damaged'}, not ext4`);
  const before = new Ext4(disk, root.start);
  const { uuid, needsRecovery, size } = before.about;
  if (needsRecovery)
    throw refuse(`${file} holds a root file system that was not unmounted: its machine wrote to it`);
  const state = await readState(store, uuid);
  const seen = state?.notes?.includes(noted) === true ? state.tree : undefined;
  const from: Listing = seen === undefined ? before.list() : new Map(seen);
  const isCopyOf = (built: number) =>
    sameRegion({ file: built, from: 0, at: root.start, length: size }, disk);
  const actual = { uuid, listing: from, seen: seen !== undefined, isCopyOf };
  const known = await knownState(file, actual, state, build);
  const to = build.tree.listing;
  const delta = deltaOf(from, to);
  checkRoom(file, delta, { from, to, about: before.about });

  const newConfig = regionDigest(files.config.fd, 0, config.size);
  const oldConfig = regionDigest(disk, config.start, config.size);
  const isOurs = known.configs.includes(oldConfig) || oldConfig === newConfig;
  const kept = added.map(({ number, about }) => `${number} ${/name "(.*)"/.exec(about)?.[1] ?? ''}`.trim());
  if (!isOurs) kept.push(`${config.number} CONFIG, which the machine or somebody else wrote to`);
  const { start: at, size: length } = config;
  const regions = [
    ...frameRegions(frame, places, files.frame.fd),
    ...(isOurs ? [{ file: files.config.fd, from: 0, at, length }] : []),
  ];
  // What an update wrote is compared in the end.
  const written = seen !== undefined && state?.frame === build.frameDigest && oldConfig === newConfig;
  const stale = written ? [] : regions.filter((region) => !sameRegion(region, disk));
  return { uuid, size, from, delta, known, config: newConfig, regions, stale, kept };
}
