/** What an installer brings: a system cut into the contents of its partitions, and the layout that they go to. */
import { z } from 'zod';
import { layoutSchema } from './layout.ts';

export const INSTALL_MANIFEST = 'install.json';
/** The image with all of that, where it is a file: on CDs, on the EFI system partition, and in memory. */
export const INSTALL_FILE = 'osmith/install.squashfs';

const part = z.strictObject({
  /** The partition's name in the layout. */
  partition: z.string(),
  file: z.string().regex(/^[\w.-]+$/),
  /** Without the zeros at the end of the partition. */
  size: z.int().nonnegative(),
  /** sparseHash's. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});
export type InstallPart = z.infer<typeof part>;

export const installManifest = z.strictObject({
  format: z.literal(1),
  title: z.string(),
  /** Identifies the build. */
  name: z.string(),
  layout: layoutSchema,
  bios: z.boolean(),
  parts: z.array(part),
  /** What lies before the first partition: boot code, and what it loads. */
  head: part.omit({ partition: true }),
  /** What the partitions are called that options are about, as far as there are such. */
  roles: z.strictObject({
    root: z.string().optional(),
    config: z.string().optional(),
    persist: z.string().optional(),
  }),
});
export type InstallManifest = z.infer<typeof installManifest>;
