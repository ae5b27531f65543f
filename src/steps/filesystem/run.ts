/** Packs a tree into a read-only file system image. */
import { z } from 'zod';
import { mkfsErofsArgv, EROFS_COMPRESSIONS } from '../../disk/mkfs-erofs.ts';
import { mksquashfsArgv, SQUASHFS_COMPRESSIONS } from '../../disk/mksquashfs.ts';
import { seededUuid } from '../../disk/ids.ts';
import { subtreeMatcher } from '../../disk/path-pattern.ts';
import { withoutPaths } from '../../disk/tar-filter.ts';
import { defineStep } from '../types.ts';

const common = {
  level: z.int().min(0).max(22).optional(),
  /** Patterns of paths left out, with all below them: `boot/*` keeps the directory, `usr/lib/shim` does not. */
  exclude: z.array(z.string()).default([]),
};

const params = z.discriminatedUnion('format', [
  z.strictObject({ format: z.literal('squashfs'), compression: z.enum(SQUASHFS_COMPRESSIONS), ...common }),
  z.strictObject({ format: z.literal('erofs'), compression: z.enum(EROFS_COMPRESSIONS), ...common }),
]);

type Params = z.infer<typeof params>;

function argvFor(options: Params, output: string, epoch: number, seed: string): string[] {
  if (options.format === 'squashfs') return mksquashfsArgv(output, options.compression, options.level);
  const { compression, level } = options;
  return mkfsErofsArgv({ output, compression, level, epoch, uuid: seededUuid(seed, 'filesystem') });
}

export default defineStep<Params>({
  kind: 'filesystem',
  summary: ({ format, compression }) => `Pack the root file system as ${format} (${compression})`,
  params,
  async run(context) {
    const options = context.params;
    const image = `root.${options.format}`;
    const tar = context.flatten(context.tree('root'));
    await context.exec({
      argv: argvFor(options, `/work/${image}`, context.epoch, context.seed),
      stdin: options.exclude.length === 0 ? tar : withoutPaths(tar, subtreeMatcher(options.exclude)),
    });
    return { files: { image } };
  },
});
