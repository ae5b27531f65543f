import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Json } from '../../plan/types.ts';
import type { Fragments } from '../hook/fragments.ts';
import { defineStep, type StepContext } from '../types.ts';
import { addFragments, type HookFragments } from './merge.ts';

const image = z.strictObject({
  file: z.string(),
  /** The input that is its content. */
  input: z.string(),
  /** The input that it holds. */
  unpacked: z.string().nullable(),
  compression: z.string().nullable(),
  signature: z.string().nullable(),
  checksum: z.string().nullable(),
});

const params = z.strictObject({
  name: z.string(),
  variant: z.record(z.string(), z.string()),
  /** What people call the product. */
  product: z.string(),
  /** Kernel command line, for those who install the system elsewhere. */
  cmdline: z.string(),
  /** Artifact file name to the name of the input that is its content. */
  artifacts: z.record(z.string(), z.string()),
  /** What is to be said of files, by the end of the name. */
  images: z.record(z.string(), image),
  /** Digests of the workspace's files that went into the build. */
  sources: z.record(z.string(), z.string()),
  /** Whether the system was made of packages or images, or comes from an OSTree commit. */
  origin: z.enum(['packages', 'commit', 'images']),
  /** The images, and what is known of the repository that they were composed in. */
  composed: z
    .strictObject({
      images: z.array(z.strictObject({ name: z.string(), digest: z.string() })),
      version: z.string(),
      date: z.string(),
    })
    .optional(),
  /** The inputs that hold fragments, in the order in which the hooks ran. */
  fragments: z.array(z.string()),
});

type Params = z.infer<typeof params>;

/** The format of manifest.json; raised when a reader must know of a change. */
const VERSION = 1;

interface Origin {
  packages: unknown;
  inputs: Record<string, Json>;
}

async function origin(context: StepContext<Params>): Promise<Origin> {
  const { composed = {} } = context.params;
  if (context.params.origin === 'images') return { packages: [], inputs: composed };
  if (context.params.origin === 'commit') {
    const { commit = null, ref = null } = context.facts('commit');
    return { packages: [], inputs: { ostree: { commit, ref } } };
  }
  const packages = JSON.parse(await readFile(context.path('packages'), 'utf8')) as unknown;
  const lists = { base: context.blob('base').digest, extra: context.blob('extra').digest };
  return { packages, inputs: { packageLists: lists } };
}

/** In the words of the Endless image builder, whose consumers read them. */
function describe(context: StepContext<Params>, image: Params['images'][string]): Json {
  return {
    file: image.file,
    extracted_size: image.unpacked === null ? null : context.blob(image.unpacked).size,
    compressed_size: context.blob(image.input).size,
    compression_type: image.compression,
    signature: image.signature,
    checksum: image.checksum,
  };
}

export default defineStep<Params>({
  kind: 'manifest',
  summary: () => 'Write the manifest',
  params,
  async run(context) {
    const { name, variant, product, cmdline, artifacts, images, sources, fragments } = context.params;
    const { packages, inputs } = await origin(context);
    const kernel = context.inputs.includes('kernel') ? context.facts('kernel') : {};
    const manifest = {
      version: VERSION,
      name,
      product_name: product,
      ...variant,
      variant,
      epoch: context.epoch,
      cmdline,
      kernelVersion: kernel['kernelVersion'] ?? null,
      artifacts: Object.entries(artifacts).map(([file, input]) => {
        const { size, digest } = context.blob(input);
        return { name: file, size, sha256: digest };
      }),
      images: Object.fromEntries(
        Object.entries(images).map(([format, image]) => [format, describe(context, image)]),
      ),
      packages,
      ...(context.inputs.includes('deployment') ? { ostree: context.facts('deployment')['ostree'] } : {}),
      inputs: { ...inputs, sources },
    };
    const read = async (input: string): Promise<HookFragments> => ({
      hook: input.replace('fragments/', ''),
      fragments: JSON.parse(await readFile(context.path(input), 'utf8')) as Fragments,
    });
    const whole = addFragments(manifest, await Promise.all(fragments.map(read)));
    await writeFile(join(context.work, 'manifest.json'), `${JSON.stringify(whole, null, 2)}\n`);
    return { files: { manifest: 'manifest.json' } };
  },
});
