/** Builds the image of a package for one architecture. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { StoredImage } from '../../oci/stored.ts';
import type { Json } from '../../plan/types.ts';
import { buildArgs, pullArgs, pushArgs } from '../../pkg/buildah.ts';
import { readImageLayout, writeImageLayout, type NamedImage } from '../../oci/layout-files.ts';
import { defineStep, type StepContext } from '../types.ts';

const image = z.custom<StoredImage>((value) => typeof value === 'object');

/** An image that the Dockerfile is built from: as the store has it, or the input that makes it. */
const base = z.union([
  z.strictObject({ image, name: z.string() }),
  z.strictObject({ input: z.string(), name: z.string() }),
]);

const params = z.strictObject({
  /** The name that it gets. */
  reference: z.string(),
  arch: z.string(),
  epoch: z.int().min(0),
  /** The Dockerfile, with `@osmith-base-N@` for its images. */
  dockerfile: z.string(),
  bases: z.array(base),
  labels: z.record(z.string(), z.string()),
  args: z.record(z.string(), z.string()),
  /** Directories of the context that come from elsewhere: input by destination. */
  extra: z.record(z.string(), z.string()),
  /** Images that the context holds as archives: file by index of `bases`. */
  archives: z.array(z.strictObject({ file: z.string(), bases: z.array(z.int()) })),
  /** The architecture whose programs have to be emulated; empty: none. */
  emulate: z.string(),
});
type Params = z.infer<typeof params>;
type Context = StepContext<Params>;

/** A copy of the package with the modes that git knows, so that it is the same in every checkout. */
async function copyContext(context: Context): Promise<void> {
  const copy = async (from: string, to: string) => {
    await context.exec({ argv: ['mkdir', '-p', to] });
    await context.exec({ argv: ['cp', '-R', '-P', `${from}/.`, to] });
  };
  await copy('/in/context', '/work/context');
  for (const [to, input] of Object.entries(context.params.extra))
    await copy(`/in/${input}`, `/work/context/${to}`);
  await context.exec({ argv: ['rm', '-rf', '/work/context/.git'] });
  await context.exec({ argv: ['chmod', '-R', 'a=rX,u+w', '/work/context'] });
}

function imageOf(context: Context, index: number): NamedImage {
  const given = context.params.bases[index]!;
  if ('image' in given) return given;
  return { image: context.facts(given.input)['image'] as unknown as StoredImage, name: given.name };
}

/** Archives of whole images, in the context. */
async function writeArchives(context: Context): Promise<void> {
  for (const [index, { file, bases }] of context.params.archives.entries()) {
    const dir = join(context.work, `archive-${index}`);
    await writeImageLayout(
      context.store,
      dir,
      bases.map((each) => imageOf(context, each)),
    );
    const target = `/work/context/${file}`;
    await context.exec({ argv: ['mkdir', '-p', target.replace(/\/[^/]*$/, '')] });
    await context.exec({
      argv: [
        ...['tar', '-c', '-f', target, '-C', `/work/archive-${index}`, '--sort=name', '--format=ustar'],
        ...[
          '--owner=0',
          '--group=0',
          '--numeric-owner',
          '--mode=a=rX,u+w',
          `--mtime=@${context.params.epoch}`,
        ],
        ...['blobs', 'index.json', 'oci-layout'],
      ],
    });
  }
}

/** Ids of the base images in buildah's storage. */
async function pullBases(context: Context): Promise<string[]> {
  const ids: string[] = [];
  for (const index of context.params.bases.keys()) {
    const base = imageOf(context, index);
    await writeImageLayout(context.store, join(context.work, 'bases', String(index)), [base]);
    const { stdout } = await context.exec({
      argv: pullArgs(`/work/bases/${index}`, base.name),
      env: ENV,
      stdout: 'capture',
    });
    ids.push(stdout.trim());
  }
  return ids;
}

const ENV = { HOME: '/work/home', CONTAINERS_CONF: '/dev/null' };

export default defineStep<Params>({
  kind: 'pkg-build',
  summary: ({ reference, arch }) => `Build ${reference} for ${arch}`,
  params,
  async run(context) {
    const { arch, epoch, labels, args, reference, emulate } = context.params;
    await mkdir(join(context.work, 'home'));
    await copyContext(context);
    await writeArchives(context);
    const ids = await pullBases(context);
    const text = context.params.dockerfile.replaceAll(
      /@osmith-base-(\d+)@/g,
      (_all, index: string) => ids[Number(index)]!,
    );
    await writeFile(join(context.work, 'Dockerfile'), text);
    const argv = buildArgs({
      ...{ arch, epoch, labels, args, dockerfile: '/work/Dockerfile', context: '/work/context' },
    });
    await context.exec({ argv, env: ENV, ...(emulate === '' ? {} : { arch: emulate }) });
    await context.exec({ argv: pushArgs('/work/out'), env: ENV });
    const out = join(context.work, 'out');
    const { image, files } = await readImageLayout(out, reference);
    const set = Object.fromEntries(files.map((digest) => [digest, join('out/blobs/sha256', digest)]));
    return { sets: { image: set }, facts: { image: image as unknown as Json }, epoch };
  },
});
