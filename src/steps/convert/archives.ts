/** Formats that are a disk and its description in one file. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ArchiveMember } from '../../disk/archive-member.ts';
import { seededUuid } from '../../disk/ids.ts';
import { ovfEnvelope, ovfManifest } from '../../disk/ovf.ts';
import { diskDescriptor, parallelsImage } from '../../disk/parallels.ts';
import { writeZip } from '../../disk/zip.ts';
import type { StepContext } from '../types.ts';
import type { Params } from './params.ts';

type Context = StepContext<Params>;

async function digest(chunks: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

/** Description, manifest and disk, in the order in which those who read an archive as a stream need them. */
export async function ovfMembers(context: Context, vmdk: string, capacity: number): Promise<ArchiveMember[]> {
  const { name, title, cpus, memory } = context.params;
  const file = join(context.work, vmdk);
  const disk = { file: `${name}.vmdk`, size: (await stat(file)).size, capacity };
  const envelope = Buffer.from(ovfEnvelope({ name, title: title || name, cpus, memory, disk }));
  const manifest = ovfManifest([
    { name: `${name}.ovf`, sha256: await digest(Readable.from([envelope])) },
    { name: disk.file, sha256: await digest(createReadStream(file, { highWaterMark: 1 << 20 })) },
  ]);
  return [
    { name: `${name}.ovf`, source: envelope },
    { name: `${name}.mf`, source: Buffer.from(manifest) },
    { name: disk.file, source: { file } },
  ];
}

/** The directory NAME.hdd. */
export function parallelsMembers(context: Context, image: string, size: number): ArchiveMember[] {
  const { name } = context.params;
  const uuid = seededUuid(context.seed, 'parallels');
  return [
    {
      name: `${name}.hdd/DiskDescriptor.xml`,
      source: Buffer.from(diskDescriptor({ name, size, uuid })),
    },
    { name: `${name}.hdd/${parallelsImage(name)}`, source: { file: join(context.work, image) } },
  ];
}

export function writeArchive(
  context: Context,
  members: readonly ArchiveMember[],
  output: string,
): Promise<void> {
  return writeZip(join(context.work, output), members, context.epoch);
}
