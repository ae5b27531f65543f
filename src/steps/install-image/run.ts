/**
 * Cuts a system's disk into what an installer puts on other disks: the contents of its partitions, each with its digest,
 * and the layout for disks of any size. One squashfs image holds it all.
 */
import { open, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { INSTALL_MANIFEST, installManifest, type InstallManifest } from '../../disk/install-manifest.ts';
import { layoutSchema, place, type DiskLayout } from '../../disk/layout.ts';
import { packFilesArgv, SQUASHFS_COMPRESSIONS } from '../../disk/mksquashfs.ts';
import { BLOCK, isZero, sparseHash } from '../../disk/sparse-hash.ts';
import { parsePartitions, sfdiskJsonArgv } from '../../disk/sfdisk-read.ts';
import { OsmithError } from '../../errors.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({
  /** What people call the system, and the name of the build. */
  title: z.string(),
  name: z.string(),
  /** Of the disks that it is installed on. */
  layout: layoutSchema,
  /** Whether these boot on BIOS machines too. */
  bios: z.boolean(),
  roles: installManifest.shape.roles,
  compression: z.enum(SQUASHFS_COMPRESSIONS),
  level: z.int().min(0).max(22).optional(),
});

type Params = z.infer<typeof params>;

interface Range {
  start: number;
  size: number;
}

/** Copies a range without the zeros at its end; those in between stay holes. Returns size and digest of what was copied. */
async function cut(disk: FileHandle, { start, size }: Range, target: string) {
  const hash = sparseHash();
  const file = await open(target, 'w');
  const buffer = Buffer.alloc(BLOCK);
  let length = 0;
  try {
    for (let at = 0; at < size; at += BLOCK) {
      const block = buffer.subarray(0, Math.min(BLOCK, size - at));
      const { bytesRead } = await disk.read(block, 0, block.length, start + at);
      if (bytesRead < block.length) throw new OsmithError('E_STEP', `The disk ends within a partition`);
      if (isZero(block)) continue;
      hash.update(block, at);
      await file.write(block, 0, block.length, at);
      length = at + block.length;
    }
    await file.truncate(length);
  } finally {
    await file.close();
  }
  return { size: length, digest: hash.digest(length) };
}

/** GRUB for BIOS machines knows its second part by the place: both disks must have it there. */
function checkBios(
  layout: DiskLayout,
  ranges: ReadonlyMap<number, Range>,
  sizes: Record<string, number>,
): void {
  for (const { number, spec, start } of place(layout, sizes, true).partitions) {
    if (spec.contents !== 'bios-grub' || ranges.get(number)?.start === start) continue;
    throw new OsmithError(
      'E_STEP',
      `The partition ${spec.name} would not lie where the boot code looks for it`,
      {
        hint: `Let the layout ${layout.name} begin like that of the disk`,
      },
    );
  }
}

async function cutAll(context: StepContext<Params>, ranges: ReadonlyMap<number, Range>) {
  const { layout } = context.params;
  const parts: InstallManifest['parts'] = [];
  const disk = await open(context.path('raw'));
  try {
    for (const [index, { name, number, contents }] of layout.partitions.entries()) {
      const range = ranges.get(number ?? index + 1);
      if (range === undefined || contents === 'empty') continue;
      context.progress(name);
      const file = `${name}.img`;
      parts.push({ partition: name, file, ...(await cut(disk, range, join(context.work, file))) });
    }
    const first = Math.min(...[...ranges.values()].map(({ start }) => start));
    const head = {
      file: 'head.img',
      ...(await cut(disk, { start: 0, size: first }, join(context.work, 'head.img'))),
    };
    return { parts, head };
  } finally {
    await disk.close();
  }
}

export default defineStep<Params>({
  kind: 'install-image',
  summary: ({ title }) => `Make what an installer of ${title} puts on disks`,
  params,
  async run(context) {
    const { title, name, layout, bios, roles, compression, level } = context.params;
    const { stdout } = await context.exec({ argv: sfdiskJsonArgv('/in/raw'), stdout: 'capture' });
    const ranges = parsePartitions(stdout);
    const { parts, head } = await cutAll(context, ranges);
    if (bios)
      checkBios(layout, ranges, Object.fromEntries(parts.map(({ partition, size }) => [partition, size])));
    const manifest: InstallManifest = { format: 1, title, name, layout, bios, parts, head, roles };
    await writeFile(join(context.work, INSTALL_MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    const files = [INSTALL_MANIFEST, head.file, ...parts.map(({ file }) => file)];
    await context.exec({ argv: packFilesArgv(files, 'install.squashfs', compression, level) });
    return { files: { image: 'install.squashfs' } };
  },
});
