/** The partitions of a live image beside its root file system: compared with those of a clean build, and replaced. */
import { createHash } from 'node:crypto';
import { readSync, writeSync } from 'node:fs';
import type { Partition } from '../diff/partitions.ts';
import { MIB, SECTOR } from '../disk/layout.ts';
import { OsmithError } from '../errors.ts';

const FULL = 'Build without --live-update';

/** What may be larger on the disk than a clean build makes it: the slot keeps the room that it has. */
function withoutSize(about: string): string {
  return about.replace(/sectors \d+/, 'sectors');
}

/**
 * The partitions that builds make, of an image's table; what a machine added is left out. Throws E_LIVE if one is not as
 * it would be made now.
 */
export function checkTable(
  file: string,
  { image, frame, slot }: { image: readonly Partition[]; frame: readonly Partition[]; slot: number },
): { own: Map<number, Partition>; added: Partition[] } {
  const own = new Map<number, Partition>();
  for (const wanted of frame) {
    const found = image.find(({ number }) => number === wanted.number);
    const [a, b] = [wanted, found].map((each) => each?.about ?? 'none');
    const same =
      wanted.number === slot ? withoutSize(a!) === withoutSize(b!) && found!.size >= wanted.size : a === b;
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
  return { own, added: image.filter(({ number }) => !own.has(number)) };
}

function read(fd: number, at: number, length: number, into = Buffer.allocUnsafe(length)): Buffer {
  return into.subarray(0, readSync(fd, into, 0, length, at));
}

const [LEFT, RIGHT] = [Buffer.alloc(MIB), Buffer.alloc(MIB)];

/** Whether two files have the same bytes in two places. */
export function sameRegion(a: number, atA: number, b: number, atB: number, length: number): boolean {
  for (let done = 0; done < length; done += MIB) {
    const size = Math.min(MIB, length - done);
    if (!read(a, atA + done, size, LEFT).equals(read(b, atB + done, size, RIGHT))) return false;
  }
  return true;
}

/** Copies bytes; those that are there already are not written. */
export function copyRegion(from: number, atFrom: number, to: number, atTo: number, length: number): void {
  for (let done = 0; done < length; done += MIB) {
    const size = Math.min(MIB, length - done);
    const data = read(from, atFrom + done, size);
    if (!data.equals(read(to, atTo + done, size))) writeSync(to, data, 0, data.length, atTo + done);
  }
}

export function regionDigest(fd: number, at: number, length: number): string {
  return createHash('sha256')
    .update(read(fd, at, length))
    .digest('hex');
}

/** The boot code: in the MBR, and between the partition table and the first partition. */
export function bootRegions(partitions: readonly Partition[]): [at: number, length: number][] {
  const first = Math.min(...partitions.map(({ start }) => start));
  const behind = 34 * SECTOR;
  return [
    [0, 440],
    [behind, first - behind],
  ];
}
