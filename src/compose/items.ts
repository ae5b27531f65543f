/** What the composed tar is made of, in its order: plain JSON, so that it can be a step's parameters. */
import { z } from 'zod';

/** Where an entry comes from; kept in its extended header. */
const origin = { source: z.string(), location: z.string() };

const attributes = { path: z.string(), mode: z.int(), uid: z.int(), gid: z.int(), ...origin };

const stored = z.strictObject({ blob: z.string(), size: z.int() });

/** Text, or a file in the store. */
const content = z.union([z.strictObject({ text: z.string() }), stored]);
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
  /** The same, out of a tar that was composed before: the entries in these ranges of it, ends not included. */
  z.strictObject({
    kind: z.literal('copied'),
    prefix: z.string(),
    tar: z.string(),
    ranges: z.array(z.tuple([z.int(), z.int()])),
    ...origin,
  }),
  /** Kernel, its modules and microcode out of an image. */
  z.strictObject({
    kind: z.literal('kernel'),
    cmdline: z.string(),
    ...{ binary: z.string(), tar: z.string(), ucode: z.string() },
    /** Whether the kernel's compression is taken off. */
    decompress: z.boolean(),
    layers,
    ...origin,
  }),
  /** The package databases of all images before, as one. */
  z.strictObject({ kind: z.literal('packages') }),
  /** The software bill of materials of all images. */
  z.strictObject({
    kind: z.literal('sbom'),
    path: z.string(),
    format: z.enum(['spdx', 'cyclonedx']),
    images: z.array(
      z.strictObject({
        ...{ name: z.string(), digest: z.string(), purl: z.string() },
        ...{ prefix: z.string(), location: z.string() },
        /** The bill that the image came with. */
        attestation: stored.optional(),
      }),
    ),
  }),
  /** What makes the tar one from which a container image can be built. */
  z.strictObject({ kind: z.literal('dockerfile') }),
]);
export type Item = z.infer<typeof item>;
export type ImageItem = Extract<Item, { kind: 'image' }>;
export type CopiedItem = Extract<Item, { kind: 'copied' }>;
export type SbomItem = Extract<Item, { kind: 'sbom' }>;
export type KernelItem = Extract<Item, { kind: 'kernel' }>;
export type Origin = Pick<ImageItem, 'source' | 'location'>;
