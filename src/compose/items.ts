/** What the composed tar is made of, in its order: plain JSON, so that it can be a step's parameters. */
import { z } from 'zod';

/** Where an entry comes from; kept in its extended header. */
const origin = { source: z.string(), location: z.string() };

const attributes = { path: z.string(), mode: z.int(), uid: z.int(), gid: z.int(), ...origin };

/** Text, or a file in the store. */
const content = z.union([
  z.strictObject({ text: z.string() }),
  z.strictObject({ blob: z.string(), size: z.int() }),
]);
export type Content = z.infer<typeof content>;

/** The layers of an image, lowest first; `digest` is `sha256:HEX`. */
const layers = z.array(z.strictObject({ digest: z.string(), size: z.int(), mediaType: z.string() }));

export const item = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('directory'), ...attributes }),
  z.strictObject({ kind: z.literal('file'), content, ...attributes }),
  z.strictObject({ kind: z.literal('symlink'), link: z.string(), ...attributes }),
  /** The files of an image below `prefix`, which is empty or ends with a slash. */
  z.strictObject({
    kind: z.literal('image'),
    prefix: z.string(),
    /** What etc/resolv.conf points to; empty: it is a file. */
    resolv: z.string(),
    layers,
    ...origin,
  }),
  /** Kernel, its modules and microcode out of an image. */
  z.strictObject({
    kind: z.literal('kernel'),
    cmdline: z.string(),
    ...{ binary: z.string(), tar: z.string(), ucode: z.string() },
    layers,
    ...origin,
  }),
  /** The package databases of all images before, as one. */
  z.strictObject({ kind: z.literal('packages') }),
  /** What makes the tar one from which a container image can be built. */
  z.strictObject({ kind: z.literal('dockerfile') }),
]);
export type Item = z.infer<typeof item>;
export type ImageItem = Extract<Item, { kind: 'image' }>;
export type KernelItem = Extract<Item, { kind: 'kernel' }>;
export type Origin = Pick<ImageItem, 'source' | 'location'>;
