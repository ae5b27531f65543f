/** The partitions of a live image beside its root file system: compared with those of a clean build, and replaced. */
import { createHash } from 'node:crypto';
import { readSync, writeSync } from 'node:fs';
import type { Partition } from '../diff/partitions.ts';
import { MIB, SECTOR, type DiskLayout } from '../disk/layout.ts';
import { OsmithError } from '../errors.ts';

const FULL = 'Build without --live-update';

/** What may be larger on the disk than a clean build makes it: the slot keeps the room that it has. */
function withoutSize(about: string): string {
  return about.replace(/sectors \d+/, 'sectors');
}

/** The partitions of an image, by what builds do with them. */
export interface Places {
  root: Partition;
  config: Partition;
  esps: Partition[];
  /** By others: the machine. */
  added: Partition[];
}

export interface Tables {
  image: readonly Partition[];
  /** Of a clean build. */
  frame: readonly Partition[];
  layout: DiskLayout;
  /** Name of the root file system's partition in the layout. */
  slot: string;
}

/** Finds the partitions that builds make. Throws E_LIVE if one is not as it would be made now. */
export function checkTable(file: string, { image, frame, layout, slot }: Tables): Places {
  const { partitions } = layout;
  const root = partitions.find(({ name }) => name === slot)!.number!;
  const config = partitions.find(({ name, contents }) => contents === 'image' && name !== slot)!.number!;
  const esps = partitions.filter(({ contents }) => contents === 'esp').map(({ number }) => number!);
  const own = new Map<number, Partition>();
  for (const wanted of frame) {
    const found = image.find(({ number }) => number === wanted.number);
    const [a, b] = [wanted, found].map((each) => each?.about ?? 'none');
    const same =
      wanted.number === root ? withoutSize(a!) === withoutSize(b!) && found!.size >= wanted.size : a === b;
    if (!same) {
      throw new OsmithError(
        'E_LIVE',
        `Partition ${wanted.number} of ${file} is not as builds make it: ${b}`,
        {
          hint: `Expected: ${a}. The layout was changed, or the machine has updated itself. ${FULL}`,
        },
      );
    }
    own.set(wanted.number, found!);
  }
  return {
    ...{ root: own.get(root)!, config: own.get(config)!, esps: esps.map((number) => own.get(number)!) },
    added: image.filter(({ number }) => !own.has(number)),
  };
}

function read(fd: number, at: number, length: number, into = Buffer.allocUnsafe(length)): Buffer {
  return into.subarray(0, readSync(fd, into, 0, length, at));
}

const [LEFT, RIGHT] = [Buffer.alloc(MIB), Buffer.alloc(MIB)];

/** Bytes of a disk, and where a clean build's are. */
export interface Region {
  /** Descriptor of the file with the latter. */
  file: number;
  from: number;
  at: number;
  length: number;
}

/** Whether a disk has there what a clean build has. */
export function sameRegion({ file, from, at, length }: Region, disk: number): boolean {
  for (let done = 0; done < length; done += MIB) {
    const size = Math.min(MIB, length - done);
    if (!read(file, from + done, size, LEFT).equals(read(disk, at + done, size, RIGHT))) return false;
  }
  return true;
}

/** Copies bytes to a disk; those that are there already are not written. */
export function copyRegion({ file, from, at, length }: Region, disk: number): void {
  for (let done = 0; done < length; done += MIB) {
    const size = Math.min(MIB, length - done);
    const data = read(file, from + done, size, LEFT);
    if (!data.equals(read(disk, at + done, size, RIGHT))) writeSync(disk, data, 0, data.length, at + done);
  }
}

export function regionDigest(fd: number, at: number, length: number): string {
  return createHash('sha256')
    .update(read(fd, at, length))
    .digest('hex');
}

/**
 * What of a clean build's disk without contents is to be on the disk: boot code in the MBR, and between the partition table
 * and the first partition; the EFI system partitions.
 */
export function frameRegions(frame: readonly Partition[], { esps }: Places, file: number): Region[] {
  const first = Math.min(...frame.map(({ start }) => start));
  const behind = 34 * SECTOR;
  const places = [
    { at: 0, length: 440 },
    { at: behind, length: first - behind },
    ...esps.map(({ start, size }) => ({ at: start, length: size })),
  ];
  return places.map(({ at, length }) => ({ file, from: at, at, length }));
}
