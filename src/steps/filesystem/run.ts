/** Packs a tree into a file system image: read-only ones for systems in memory, ext4 for those on disk. */
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { debugfsArgv, immutableCommand, parseFlags, statArgv, xattrCommand } from '../../disk/debugfs.ts';
import { mkfsErofsArgv, EROFS_COMPRESSIONS } from '../../disk/mkfs-erofs.ts';
import { ext4Bytes, mkfsExt4Argv } from '../../disk/mkfs-ext4.ts';
import { mksquashfsArgv, SQUASHFS_COMPRESSIONS } from '../../disk/mksquashfs.ts';
import { writeFatVolume } from '../../disk/fat-volume.ts';
import { fatBytes } from '../../disk/mkfs-vfat.ts';
import { MIB, roundUp } from '../../disk/layout.ts';
import { seededId32, seededUuid } from '../../disk/ids.ts';
import { subtreeMatcher } from '../../disk/path-pattern.ts';
import { withoutPaths } from '../../disk/tar-filter.ts';
import { readTar } from '../../disk/tar-reader.ts';
import { partsFact, partsOf, sizesOfParts } from '../../disk/size-limit.ts';
import { copyFiles } from '../../disk/tree-files.ts';
import { OsmithError } from '../../errors.ts';
import { DIRECTORY, FILE } from '../../run/layer/entry.ts';
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
    /** Free space in per cent of the contents, at least. */
    percent: z.int().nonnegative().max(1000).default(5),
    /** Extended attributes of the root directory, by name. */
    xattrs: z.record(z.string().regex(/^user\.[\w.-]+$/), z.string()).default({}),
  }),
  z.strictObject({
    format: z.literal('vfat'),
    label: z.string().regex(/^[A-Z0-9_-]{1,11}$/, 'must be 1 to 11 of A-Z 0-9 _ -'),
    headroom: z.int().nonnegative(),
  }),
]);

type Params = z.infer<typeof params>;
type Packed = Extract<Params, { format: 'squashfs' | 'erofs' }>;
type Vfat = Extract<Params, { format: 'vfat' }>;
type Ext4 = Extract<Params, { format: 'ext4' }>;

function argvFor(options: Packed, output: string, epoch: number, seed: string): string[] {
  if (options.format === 'squashfs') return mksquashfsArgv(output, options.compression, options.level);
  const { compression, level } = options;
  return mkfsErofsArgv({ output, compression, level, epoch, uuid: seededUuid(seed, 'filesystem') });
}

/** Files and directories of a tree, as far as FAT can hold them. */
async function writeVfat(context: StepContext<Params>, { label, headroom }: Vfat): Promise<StepOutput> {
  const files = new Map<string, string>();
  const sizes: number[] = [];
  const directories: string[] = [];
  for await (const { entry } of readTar(context.flatten(context.tree('root')))) {
    if (entry.type === DIRECTORY) directories.push(entry.path);
    else if (entry.type === FILE) {
      files.set(entry.path, `files/${files.size}`);
      sizes.push(entry.size);
    } else
      throw new OsmithError('E_STEP', `A FAT file system cannot hold /${entry.path}: it is no plain file`);
  }
  await copyFiles(context, context.tree('root'), files);
  const size = roundUp(fatBytes(sizes) + headroom, MIB);
  await writeFile(join(context.work, 'root.vfat'), '');
  await truncate(join(context.work, 'root.vfat'), size);
  await writeFatVolume(
    context,
    { disk: 'root.vfat', start: 0, size, id: seededId32(context.seed, 'fat'), label },
    [...files].map(([target, source]) => ({ source: `/work/${source}`, target })),
    directories.filter((path) => path !== ''),
  );
  return { files: { image: 'root.vfat' } };
}

/** The UUID is that which whoever made the tree put on the kernel command line, if anybody did. */
async function writeExt4(context: StepContext<Params>, options: Ext4): Promise<StepOutput> {
  const tree = context.tree('root');
  const sizes: number[] = [];
  const parts = sizesOfParts();
  for await (const { entry } of readTar(context.flatten(tree))) {
    sizes.push(entry.size);
    parts.add(entry.path, entry.size);
  }
  const named = context.facts('root')['uuid'];
  const uuid = typeof named === 'string' ? named : seededUuid(context.seed, 'filesystem');
  const size = ext4Bytes(sizes, options);
  const argv = mkfsExt4Argv({ output: 'root.ext4', uuid, label: options.label, size });
  await context.exec({ argv, stdin: context.flatten(tree) });
  await finish(context, 'root.ext4', options.xattrs);
  return { files: { image: 'root.ext4' }, facts: { uuid, ...partsFact(parts.largest()) } };
}

/** What no tar can say: attributes of the root directory, and which directories are immutable by the tree's maker. */
async function finish(
  context: StepContext<Params>,
  image: string,
  xattrs: Record<string, string>,
): Promise<void> {
  const commands = Object.entries(xattrs).map(([name, value]) => xattrCommand('/', name, value));
  const { immutable = [] } = context.facts('root') as { immutable?: string[] };
  for (const path of immutable) {
    const { stdout } = await context.exec({ argv: statArgv(image, path), stdout: 'capture' });
    commands.push(immutableCommand(path, parseFlags(stdout)));
  }
  if (commands.length === 0) return;
  await writeFile(join(context.work, 'commands'), `${commands.join('\n')}\n`);
  await context.exec({ argv: debugfsArgv(image, 'commands') });
}

export default defineStep<Params>({
  kind: 'filesystem',
  summary: (options) =>
    options.format === 'ext4' || options.format === 'vfat'
      ? `Make the file system ${options.label} (${options.format})`
      : `Pack the root file system as ${options.format} (${options.compression})`,
  params,
  async run(context) {
    const options = context.params;
    if (options.format === 'ext4') return writeExt4(context, options);
    if (options.format === 'vfat') return writeVfat(context, options);
    const image = `root.${options.format}`;
    const tar = context.flatten(context.tree('root'));
    await context.exec({
      argv: argvFor(options, `/work/${image}`, context.epoch, context.seed),
      stdin: options.exclude.length === 0 ? tar : withoutPaths(tar, subtreeMatcher(options.exclude)),
    });
    return { files: { image }, facts: partsFact(partsOf(context.facts('root'))) };
  },
});
