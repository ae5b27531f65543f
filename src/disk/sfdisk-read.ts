/** sfdisk (util-linux): reads the partition table of a disk image. */
import { z } from 'zod';
import { SECTOR } from './layout.ts';

const printed = z.object({
  partitiontable: z.object({
    partitions: z.array(z.object({ node: z.string(), start: z.int(), size: z.int() })),
  }),
});

export function sfdiskJsonArgv(disk: string): string[] {
  return ['sfdisk', '--json', disk];
}

/** Number to place, in bytes. The name of the disk must not end with a digit. */
export function parsePartitions(json: string): Map<number, { start: number; size: number }> {
  const { partitions } = printed.parse(JSON.parse(json)).partitiontable;
  return new Map(
    partitions.map(({ node, start, size }) => [
      Number(/\d+$/.exec(node)![0]),
      { start: start * SECTOR, size: size * SECTOR },
    ]),
  );
}
