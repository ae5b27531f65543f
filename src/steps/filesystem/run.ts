/** Packs a tree into a file system image: read-only ones for systems in memory, ext4 for those on disk. */
import { z } from 'zod';
import { mkfsErofsArgv, EROFS_COMPRESSIONS } from '../../disk/mkfs-erofs.ts';
import { ext4Bytes, mkfsExt4Argv } from '../../disk/mkfs-ext4.ts';
import { mksquashfsArgv, SQUASHFS_COMPRESSIONS } from '../../disk/mksquashfs.ts';
import { seededUuid } from '../../disk/ids.ts';
import { subtreeMatcher } from '../../disk/path-pattern.ts';
import { withoutPaths } from '../../disk/tar-filter.ts';
import { readTar } from '../../disk/tar-reader.ts';
import { defineStep, type StepContext, type StepOutput } from '../types.ts';

const common = {
  level: z.int().min(0).max(22).optional(),
  /** Patterns of paths left out, with all below them: `boot/*` keeps the directory, `usr/lib/shim` does not. */
  exclude: z.array(z.string()).default([]),
};

const params = z.discriminatedUnion('format', [
  z.strictObject({ format: z.literal('squashfs'), compression: z.enum(SQUASHFS_COMPRESSIONS), ...common }),
  z.strictObject({ format: z.literal('erofs'), compression: z.enum(EROFS_COMPRESSIONS), ...common }),
  z.strictObject({
    format: z.literal('ext4'),
    label: z.string().min(1).max(16),
    /** Free bytes, at least. */
    headroom: z.int().nonnegative(),
  }),
]);

type Params = z.infer<typeof params>;
type Packed = Exclude<Params, { format: 'ext4' }>;
type Ext4 = Extract<Params, { format: 'ext4' }>;

function argvFor(options: Packed, output: string, epoch: number, seed: string): string[] {
  if (options.format === 'squashfs') return mksquashfsArgv(output, options.compression, options.level);
  const { compression, level } = options;
  return mkfsErofsArgv({ output, compression, level, epoch, uuid: seededUuid(seed, 'filesystem') });
}

/** The UUID is that which whoever made the tree put on the kernel command line, if anybody did. */
async function writeExt4(context: StepContext<Params>, { label, headroom }: Ext4): Promise<StepOutput> {
  const tree = context.tree('root');
  const sizes: number[] = [];
  for await (const { entry } of readTar(context.flatten(tree))) sizes.push(entry.size);
  const named = context.facts('root')['uuid'];
  const uuid = typeof named === 'string' ? named : seededUuid(context.seed, 'filesystem');
  const argv = mkfsExt4Argv({ output: 'root.ext4', uuid, label, size: ext4Bytes(sizes, headroom) });
  await context.exec({ argv, stdin: context.flatten(tree) });
  return { files: { image: 'root.ext4' }, facts: { uuid } };
}

export default defineStep<Params>({
  kind: 'filesystem',
  summary: (options) =>
    options.format === 'ext4'
      ? 'Make the root file system (ext4)'
      : `Pack the root file system as ${options.format} (${options.compression})`,
  params,
  async run(context) {
    const options = context.params;
    if (options.format === 'ext4') return writeExt4(context, options);
    const image = `root.${options.format}`;
    const tar = context.flatten(context.tree('root'));
    await context.exec({
      argv: argvFor(options, `/work/${image}`, context.epoch, context.seed),
      stdin: options.exclude.length === 0 ? tar : withoutPaths(tar, subtreeMatcher(options.exclude)),
    });
    return { files: { image } };
  },
});
