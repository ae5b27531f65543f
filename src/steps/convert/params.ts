/** What a raw disk becomes. */
import { z } from 'zod';
import { DISK_FORMATS, type DiskFormatName } from '../../disk/formats.ts';
import { MIB } from '../../disk/layout.ts';

export const params = z.strictObject({
  format: z.enum(Object.keys(DISK_FORMATS) as [DiskFormatName]),
  /** First part of the names of files inside archives. */
  name: z
    .string()
    .regex(/^[\w.+-]+$/)
    .default('disk'),
  /** What people read where a format has a place for it. */
  title: z.string().default(''),
  /** Bytes that disks of virtual machines are larger than the image. */
  extraSpace: z.int().nonnegative().multipleOf(512).default(0),
  /** Bytes that these disks have at least. */
  diskSize: z.int().nonnegative().default(0),
  /** What descriptions of virtual machines ask for; memory in bytes. */
  cpus: z.int().positive().default(2),
  memory: z
    .int()
    .positive()
    .default(2048 * MIB),
  /** Limit for the file in bytes. */
  maxSize: z.int().positive().optional(),
});

export type Params = z.infer<typeof params>;
