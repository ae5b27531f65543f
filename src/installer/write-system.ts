/** Puts the system on the disk, and looks whether it is there. */
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { hybridEntries, MBR_ENTRIES } from '../disk/hybrid-mbr.ts';
import type { InstallManifest } from '../disk/install-manifest.ts';
import { MIB, SECTOR, type Placement } from '../disk/layout.ts';
import { sfdiskArgv, sfdiskScript } from '../disk/sfdisk.ts';
import { OsmithError } from '../errors.ts';
import { must, type RunProgram } from '../update/programs.ts';
import {
  copyTo,
  digestOfFile,
  digestRange,
  openDevice,
  settle,
  writeAt,
  zero,
  type BlockDevice,
} from './block.ts';
import { progressOn, type Console } from './console.ts';

/** Something that goes to a place on the disk. */
export interface Piece {
  /** For people. */
  name: string;
  path: string;
  size: number;
  digest: string;
  at: number;
}

/** Boot code lies before the disk's signature and the table. */
const BOOT_CODE = 440;
/** The table of a GPT takes the sectors from the second to this one. */
const TABLE_END = 34 * SECTOR;

/** Partitions whose content is not made by anybody: what was there before must not be taken for it. */
const ENDS = 5 * MIB;

async function wipeEnds(device: BlockDevice, start: number, length: number): Promise<void> {
  if (length <= 2 * ENDS) return zero(device, start, length);
  await zero(device, start, ENDS);
  await zero(device, start + length - ENDS, ENDS);
}

/** Where the parts go; those in `skip` are left out, and `replaced` come from elsewhere. */
export function piecesOf(
  { parts }: InstallManifest,
  { partitions }: Placement,
  dir: string,
  skip: readonly string[],
  replaced: ReadonlyMap<string, Pick<Piece, 'path' | 'size' | 'digest'>>,
): Piece[] {
  return parts.flatMap(({ partition, file, size, digest }) => {
    const placed = partitions.find(({ spec }) => spec.name === partition);
    if (placed === undefined || skip.includes(partition)) return [];
    const { spec, start: at } = placed;
    const source = replaced.get(partition) ?? { path: join(dir, file), size, digest };
    if (source.size > placed.size) {
      throw new OsmithError(
        'E_INSTALL',
        `The partition ${spec.title ?? spec.name} has ${placed.size} bytes, its content ${source.size}`,
        {
          hint: 'The CONFIG partition of the medium must be no larger than that of the system',
        },
      );
    }
    return [{ name: spec.title ?? spec.name, at, ...source }];
  });
}

/** Reads what will be written. Throws E_INSTALL for a medium that is broken: nothing has been written yet. */
export async function checkSources(
  sources: readonly Pick<Piece, 'name' | 'path' | 'size' | 'digest'>[],
  console: Console,
): Promise<void> {
  for (const { name, path, size, digest } of sources) {
    let found: string;
    try {
      found = await digestOfFile(path, size, progressOn(console, `checking ${name}`));
    } catch (cause) {
      throw broken(name, `it cannot be read: ${(cause as Error).message}`);
    }
    if (found !== digest) throw broken(name, `its digest is ${found}, not ${digest}`);
  }
}

function broken(name: string, why: string): OsmithError {
  return new OsmithError(
    'E_INSTALL',
    `The medium is broken: ${name} on it is not what was put there (${why})`,
    {
      hint: 'Nothing has been written. Make the medium anew, or take another',
    },
  );
}

export interface WriteRequest {
  run: RunProgram;
  console: Console;
  path: string;
  placement: Placement;
  pieces: readonly Piece[];
  /** What lies before the first partition. */
  head?: string;
  /** Partitions that are wiped: what they had must not be found. */
  wiped: readonly string[];
  /** Partitions that stay as they are. */
  skipped: readonly string[];
  seed: string;
  verify: boolean;
}

/** The table as long as what it names is not there. */
function unfinished(placement: Placement, skipped: readonly string[]): Placement {
  const partitions = placement.partitions.map((placed) =>
    skipped.includes(placed.spec.name) ? placed : { ...placed, spec: { ...placed.spec, attributes: [] } },
  );
  return { ...placement, partitions };
}

/**
 * The table comes last: a disk that was left halfway has none, so nobody takes it for one that boots. If something stays
 * as it is, the table says at any moment where that lies, so that the same can be done again.
 */
export async function writeDisk({ run, console, ...request }: WriteRequest): Promise<void> {
  const { path, placement, pieces, head, wiped, skipped, seed, verify } = request;
  const first = Math.min(...placement.partitions.map(({ start }) => start));
  // The last partition may reach to the table at the end, and be one that stays as it is.
  const end = Math.max(...placement.partitions.map(({ start, size }) => start + size), placement.total - MIB);
  const device = await openDevice(path, run);
  try {
    if (placement.partitions.some(({ spec }) => skipped.includes(spec.name))) {
      await must(run, sfdiskArgv(path), sfdiskScript(unfinished(placement, skipped), seed));
    } else {
      await zero(device, 0, first);
      await zero(device, end, placement.total - end);
    }
    for (const piece of pieces) await copyTo(device, piece, progressOn(console, `writing ${piece.name}`));
    for (const { spec, start, size } of placement.partitions)
      if (wiped.includes(spec.name)) await wipeEnds(device, start, size);
    await settle(device);
    await must(run, sfdiskArgv(path), sfdiskScript(placement, seed));
    const before = head === undefined ? undefined : await readFile(head);
    if (before !== undefined) {
      await writeAt(device, before.subarray(0, BOOT_CODE), 0);
      await writeAt(device, before.subarray(TABLE_END, first), TABLE_END);
    }
    const entries = hybridEntries(placement);
    if (entries !== undefined) await writeAt(device, entries, MBR_ENTRIES);
    await settle(device);
    if (verify) await verifyPieces(device, pieces, console);
  } finally {
    await device.file.close();
  }
}

async function verifyPieces(device: BlockDevice, pieces: readonly Piece[], console: Console): Promise<void> {
  for (const { name, at, size, digest } of pieces) {
    const found = await digestRange(
      device.file,
      { start: at, length: size },
      progressOn(console, `verifying ${name}`),
    );
    if (found === digest) continue;
    throw new OsmithError('E_INSTALL', `${name} on ${device.path} is not what was written there`, {
      hint: 'The disk is broken, or its memory is: use another',
    });
  }
}
