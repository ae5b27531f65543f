/** Partition layouts: data that says which partitions a disk has, and the arithmetic that places them. */
import { z } from 'zod';
import { OsmithError } from '../errors.ts';

export const SECTOR = 512;
export const MIB = 1024 * 1024;

const guid = z.string().regex(/^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/, 'must be a GUID');

/** How large a partition is: fixed, or as large as what goes into it needs. All in bytes. */
const sizeSchema = z.union([
  z.strictObject({ bytes: z.int().positive() }),
  z.strictObject({
    /** Multiple of the contents' size: 2 leaves room for a second set of boot files. */
    times: z.int().positive(),
    headroom: z.int().nonnegative(),
    min: z.int().positive(),
  }),
]);

const partitionSchema = z.strictObject({
  /** GPT name; unique in the layout. */
  name: z.string().min(1).max(36),
  type: guid,
  size: sizeSchema,
  /** What fills it: an EFI system partition, GRUB's core for BIOS machines, a root file system, or nothing. */
  contents: z.enum(['esp', 'bios-grub', 'root', 'empty']),
  /** GPT attributes in sfdisk's words, such as `RequiredPartition` or `GUID:60`. */
  attributes: z.array(z.string()).optional(),
  /** Left out when the disk need not boot under BIOS. */
  biosOnly: z.boolean().optional(),
});

export const layoutSchema = z.strictObject({
  name: z.string(),
  /** Every partition starts at a multiple of this. */
  align: z.int().positive().multipleOf(SECTOR),
  partitions: z.array(partitionSchema).min(1).max(128),
});

export type PartitionSize = z.infer<typeof sizeSchema>;
export type PartitionSpec = z.infer<typeof partitionSchema>;
export type DiskLayout = z.infer<typeof layoutSchema>;

/** A partition with its place on the disk, in bytes. `number` counts from 1. */
export interface Placed {
  number: number;
  spec: PartitionSpec;
  start: number;
  size: number;
}

export interface Placement {
  partitions: Placed[];
  /** Size of the whole disk in bytes. */
  total: number;
}

export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** The size of a partition before alignment, given the size of its contents. */
export function wantedSize(size: PartitionSize, contents: number): number {
  return 'bytes' in size ? size.bytes : Math.max(size.min, contents * size.times + size.headroom);
}

/**
 * Places the partitions one after the other. `contents` gives bytes by partition name for sizes that follow them.
 * The GPT takes 34 sectors at the start (within the first alignment unit) and 33 at the end (one more unit).
 */
export function place(layout: DiskLayout, contents: Record<string, number>, bios: boolean): Placement {
  const unit = Math.max(layout.align, 34 * SECTOR);
  const partitions: Placed[] = [];
  let at = unit;
  for (const spec of layout.partitions) {
    if (spec.biosOnly === true && !bios) continue;
    const inside = contents[spec.name] ?? 0;
    const size = roundUp(wantedSize(spec.size, inside), unit);
    if (size < inside) {
      throw new OsmithError(
        'E_TOO_LARGE',
        `Partition ${spec.name} holds ${size} bytes, its contents need ${inside}`,
        {
          hint: 'Make the partition larger or its contents smaller',
        },
      );
    }
    partitions.push({ number: partitions.length + 1, spec, start: at, size });
    at += size;
  }
  return { partitions, total: at + unit };
}
