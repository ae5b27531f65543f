/** Packs what starts a disk, as it lies there, for those who place it elsewhere: on a partition, behind a network boot. */
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ArchiveMember } from '../../disk/archive-member.ts';
import { SECTOR } from '../../disk/layout.ts';
import { fatImage, readArgv } from '../../disk/mtools.ts';
import { writeZip } from '../../disk/zip.ts';
import { OsmithError } from '../../errors.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({});
type Params = z.infer<typeof params>;

/** What the step that made the disk says of it. */
const bootFact = z.object({
  /** Where the EFI system partition begins, in bytes. */
  esp: z.int().nullable(),
  /** Paths on it. */
  loaders: z.array(z.string()),
  /** What is found by its place on the disk, in bytes. */
  placed: z.array(z.object({ file: z.string(), start: z.int(), size: z.int() })),
});
type BootFact = z.infer<typeof bootFact>;

/** A part of the archive in memory: loaders are small. */
interface Member {
  name: string;
  source: Buffer;
}

async function espMembers(context: StepContext<Params>, { esp, loaders }: BootFact): Promise<Member[]> {
  if (esp === null) return [];
  const members: Member[] = [];
  for (const [index, name] of loaders.entries()) {
    const copy = `loader-${index}`;
    const env = { MTOOLS_SKIP_CHECK: '1' };
    await context.exec({ argv: readArgv(fatImage('/in/raw', esp), name, copy), env });
    members.push({ name: `esp/${name}`, source: await readFile(join(context.work, copy)) });
  }
  return members;
}

async function placedMembers(context: StepContext<Params>, { placed }: BootFact): Promise<Member[]> {
  const disk = await open(context.path('raw'));
  try {
    const members: Member[] = [];
    for (const { file, start, size } of placed) {
      const { buffer } = await disk.read(Buffer.alloc(size), 0, size, start);
      members.push({ name: `disk/${file}`, source: buffer });
    }
    return members;
  } finally {
    await disk.close();
  }
}

/** For `sha256sum -c`. */
function checksums(members: readonly Member[]): string {
  return members
    .map(({ name, source }) => `${createHash('sha256').update(source).digest('hex')}  ${name}\n`)
    .join('');
}

/** Which sector each image is made for: GRUB's know their own. */
function places({ placed }: BootFact): string {
  const sectors = placed.map(({ file, start }) => ({ file: `disk/${file}`, sector: start / SECTOR }));
  return `${JSON.stringify(sectors, undefined, 2)}\n`;
}

export default defineStep<Params>({
  kind: 'boot-zip',
  summary: () => 'Pack the boot loaders of the disk',
  params,
  async run(context) {
    const { data: boot } = bootFact.safeParse(context.facts('raw')['boot']);
    if (boot === undefined) throw new OsmithError('E_INTERNAL', 'The disk does not say what starts it');
    const members = [
      ...(await espMembers(context, boot)),
      ...(await placedMembers(context, boot)),
      { name: 'places.json', source: Buffer.from(places(boot)) },
    ];
    const all: ArchiveMember[] = [
      ...members,
      { name: 'SHA256SUMS', source: Buffer.from(checksums(members)) },
    ];
    await writeZip(join(context.work, 'boot.zip'), all, context.epoch);
    return { files: { file: 'boot.zip' } };
  },
});
