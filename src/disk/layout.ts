/** Partition layouts: data that says which partitions a disk has, and the arithmetic that places them. */
import { z } from 'zod';
import { OsmithError } from '../errors.ts';

export const SECTOR = 512;
export const MIB = 1024 * 1024;

const guid = z.string().regex(/^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/, 'must be a GUID');
const onSector = z.int().nonnegative().multipleOf(SECTOR);

/** How large a partition is: fixed, as large as what goes into it needs, or all that is left. In bytes. */
const sizeSchema = z.union([
  z.strictObject({ bytes: z.int().positive() }),
  z.strictObject({
    /** Multiple of the contents' size: 2 leaves room for a second set of boot files. */
    times: z.number().min(1),
    headroom: z.int().nonnegative(),
    min: z.int().positive(),
    /** Another partition whose contents count in place of its own. */
    like: z.string().optional(),
  }),
  /** To the end of the disk. */
  z.strictObject({ rest: z.literal(true) }),
]);

const partitionName = z
  .string()
  .min(1)
  .max(36)
  .regex(/^[^"/]*$/);

const partitionSchema = z.strictObject({
  /** Unique in the layout; its name in a GPT, unless that has a title. */
  name: partitionName,
  /** Its name in a GPT where that is another: two partitions may have the same. */
  title: partitionName.optional(),
  /** A GUID, or in a DOS table two hex digits. */
  type: z.union([guid, z.string().regex(/^[0-9A-Fa-f]{2}$/, 'must be two hex digits')]),
  /** Where it has to start, in bytes; absent: after the one before. */
  start: onSector.optional(),
  size: sizeSchema,
  /** Place in the table, from 1; absent: the order of the list. */
  number: z.int().min(1).max(128).optional(),
  /** Its identity where others know it by that; absent: made from the seed. */
  uuid: guid.optional(),
  /**
   * What fills it: an EFI system partition, GRUB's core for BIOS machines, the image of a file system, which is the
   * step's input of the partition's name, an empty FAT file system, or nothing.
   */
  contents: z.enum(['esp', 'bios-grub', 'image', 'fat', 'empty']),
  /** Label of a FAT file system, where it is another than the disk's. */
  label: z.string().optional(),
  /** GPT attributes in sfdisk's words, such as `RequiredPartition` or `GUID:60`. */
  attributes: z.array(z.string().regex(/^[A-Za-z0-9:,]+$/)).optional(),
  /** What starts first in a DOS table. */
  bootable: z.boolean().optional(),
  /** Grows with the disk at first boot. Marked as Endless' first boot expects it: attribute 55, in DOS tables a byte. */
  grows: z.boolean().optional(),
  /** Left out when the disk need not boot under BIOS. */
  biosOnly: z.boolean().optional(),
});

/** Something outside all partitions that is found by its place, such as a board's first boot loader. */
const blobSchema = z.strictObject({
  /** The input with its content; `bios-grub` for GRUB's core, where the table has no partition for it. */
  input: z.string().min(1),
  start: onSector,
  /** Bytes it may take. */
  max: z.int().positive(),
  /** The file of the system's tree that it is, as a pattern. */
  source: z.string().optional(),
});

/** What a board's own loaders read from the EFI system partition: paths there to patterns of files in the system's tree. */
const firmwareSchema = z.strictObject({
  files: z.record(z.string().regex(/^[\w.-]+$/), z.string()),
  /** Directories below the partition's root, which is `.`. Every pattern has to match something. */
  directories: z.record(z.string().regex(/^[\w.-]+$/), z.array(z.string()).min(1)),
});

/** A partition that the MBR names, too, for what reads nothing else. */
const hybridSchema = z.strictObject({
  partition: z.string(),
  type: z.string().regex(/^[0-9a-f]{2}$/),
  bootable: z.boolean().default(false),
});

export const layoutSchema = z
  .strictObject({
    name: z.string(),
    table: z.enum(['gpt', 'dos']).default('gpt'),
    /** The disk's identity: a GUID, or eight hex digits for a DOS table; absent: made from the seed. */
    id: z.union([guid, z.string().regex(/^[0-9A-Fa-f]{8}$/)]).optional(),
    /** Every partition without a fixed start begins at a multiple of this. */
    align: z.int().positive().multipleOf(SECTOR),
    partitions: z.array(partitionSchema).min(1).max(128),
    blobs: z.array(blobSchema).default([]),
    /** Bytes that the disk has behind its last partition; absent: one alignment unit. */
    spare: z.int().positive().multipleOf(SECTOR).optional(),
    /** Beside a GPT: a fourth entry covers that. */
    hybrid: z.array(hybridSchema).max(3).default([]),
    firmware: firmwareSchema.optional(),
    /** Architectures of the machines that it is for; absent: all. */
    arch: z.array(z.string()).optional(),
    /** Platforms that it is for, as patterns such as `rpi*`; absent: all. */
    platforms: z.array(z.string()).optional(),
  })
  .superRefine(({ table, partitions, hybrid }, context) => {
    const issue = (message: string) => context.addIssue({ code: 'custom', message });
    const names = partitions.map(({ name }) => name);
    if (new Set(names).size < names.length) issue('two partitions have the same name');
    const numbers = partitions.map(({ number }, index) => number ?? index + 1);
    if (new Set(numbers).size < numbers.length) issue('two partitions have the same number');
    if (table === 'dos' && hybrid.length > 0) issue('only a GPT can have an MBR beside it');
    for (const { partition } of hybrid)
      if (!names.includes(partition)) issue(`the MBR names ${partition}, which there is not`);
    for (const { name, size } of partitions) {
      if ('like' in size && size.like !== undefined && !names.includes(size.like))
        issue(`${name} is to be like ${size.like}, which there is not`);
      if ('rest' in size && name !== names.at(-1)) issue(`${name} takes the rest, but is not the last`);
    }
    if (table === 'dos' && numbers.some((number) => number > 4)) issue('a DOS table has four entries');
    for (const { name, type, attributes, bootable } of partitions) {
      const isByte = type.length === 2;
      if (isByte !== (table === 'dos')) issue(`the type of ${name} is not one for a ${table} table`);
      if (table === 'dos' && attributes !== undefined) issue(`${name}: a DOS table has no attributes`);
      if (table === 'gpt' && bootable !== undefined) issue(`${name}: use the attribute LegacyBIOSBootable`);
    }
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
  table: DiskLayout['table'];
  id?: string | undefined;
  /** In the order of the layout. */
  partitions: Placed[];
  hybrid: DiskLayout['hybrid'];
  /** Size of the whole disk in bytes. */
  total: number;
}

export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** The size of a partition before alignment, given the size of its contents. */
export function wantedSize(size: Exclude<PartitionSize, { rest: true }>, contents: number): number {
  return 'bytes' in size ? size.bytes : Math.max(size.min, Math.ceil(contents * size.times) + size.headroom);
}

/** The table takes 34 sectors at the start, and 33 at the end, if it is a GPT. */
const TABLE = 34 * SECTOR;
const BACKUP = 33 * SECTOR;

/**
 * Places the partitions one after the other. `contents` gives bytes by partition name for sizes that follow them; `disk`
 * the size of a disk that is there already. The tables lie within the first alignment unit, and behind the last partition.
 */
export function place(
  layout: DiskLayout,
  contents: Record<string, number>,
  bios: boolean,
  disk?: number,
): Placement {
  const unit = Math.max(layout.align, TABLE);
  const partitions: Placed[] = [];
  let end = unit;
  for (const spec of layout.partitions) {
    if (spec.biosOnly === true && !bios) continue;
    const name = `Partition ${spec.name}`;
    const inside = contents['like' in spec.size ? (spec.size.like ?? spec.name) : spec.name] ?? 0;
    const size = sizeOf(spec, inside, unit, (disk ?? 0) - BACKUP - roundUp(end, layout.align));
    if (size < inside) {
      throw new OsmithError('E_TOO_LARGE', `${name} holds ${size} bytes, its contents need ${inside}`, {
        hint: 'Make the partition larger or its contents smaller',
      });
    }
    const start = spec.start ?? roundUp(end, layout.align);
    if (start < end) {
      throw new OsmithError(
        'E_CONFIG',
        `${name} starts at byte ${start}, where ${end} is the first that is free`,
        {
          hint: `Mend the layout ${layout.name}`,
        },
      );
    }
    partitions.push({ number: spec.number ?? partitions.length + 1, spec, start, size });
    end = start + size;
  }
  checkBlobs(layout, partitions);
  const { table, id, hybrid, spare = unit } = layout;
  if (disk !== undefined && end + BACKUP > disk) throw tooSmall(layout, end + BACKUP, disk);
  return { table, id, hybrid, partitions, total: disk ?? roundUp(end, layout.align) + spare };
}

function sizeOf({ size }: PartitionSpec, inside: number, unit: number, rest: number): number {
  if ('rest' in size) return Math.max(rest, 0);
  const wanted = wantedSize(size, inside);
  // What is said to the sector counts as said.
  return 'bytes' in size && wanted % SECTOR === 0 ? wanted : roundUp(wanted, unit);
}

function tooSmall({ name, partitions }: DiskLayout, needed: number, disk: number): OsmithError {
  const mib = (bytes: number) => Math.ceil(bytes / MIB);
  return new OsmithError(
    'E_TOO_LARGE',
    `The layout ${name} needs ${mib(needed)} MiB, and the disk has only ${Math.floor(disk / MIB)} MiB`,
    { hint: `Its partitions are ${partitions.map((each) => each.name).join(', ')}: use a larger disk` },
  );
}

/** What lies outside of partitions must do so. */
function checkBlobs({ name, table, blobs }: DiskLayout, partitions: readonly Placed[]): void {
  const first = table === 'gpt' ? TABLE : SECTOR;
  const taken = [
    { what: 'the partition table', start: 0, end: first },
    ...partitions.map(({ spec, start, size }) => ({ what: spec.name, start, end: start + size })),
    ...blobs.map(({ input, start, max }) => ({ what: input, start, end: start + max })),
  ].sort((a, b) => a.start - b.start);
  for (const [index, { what, start }] of taken.entries()) {
    const before = taken[index - 1];
    if (before === undefined || before.end <= start) continue;
    throw new OsmithError('E_CONFIG', `${what} would lie within ${before.what} on the disk`, {
      hint: `Mend the layout ${name}`,
    });
  }
}
