/** Turns a raw disk image into the format that a platform wants. */
import { stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { compressArgv } from '../../disk/compressors.ts';
import { virtualSize } from '../../disk/formats.ts';
import { sparseTarArgv } from '../../disk/gnu-tar.ts';
import { qemuImgArgv, toRawArgv, type SourceDisk, type VirtualDiskFormat } from '../../disk/qemu-img.ts';
import { checkLimit, partsOf } from '../../disk/size-limit.ts';
import { writeTar } from '../../disk/tar-writer.ts';
import { settleIds } from '../../disk/virtual-disk-ids.ts';
import { defineStep, type StepContext } from '../types.ts';
import { ovfMembers, parallelsMembers, writeArchive } from './archives.ts';
import { sourceDisk } from './grow.ts';
import { params, type Params } from './params.ts';

type Context = StepContext<Params>;

async function virtualDisk(
  context: Context,
  format: VirtualDiskFormat,
  source: SourceDisk,
  file: string,
): Promise<string> {
  await context.exec({ argv: qemuImgArgv(format, source, file) });
  await settleIds(join(context.work, file), format, context.seed, context.epoch);
  return file;
}

/** The archive's only member is called disk.raw. */
async function googleArchive(context: Context, source: SourceDisk, file: string): Promise<void> {
  if (source.format === 'raw') await symlink(source.file, join(context.work, 'disk.raw'));
  else await context.exec({ argv: toRawArgv(source, 'disk.raw') });
  await context.exec({ argv: sparseTarArgv('disk.raw', file, context.epoch) });
}

async function convert(context: Context, file: string): Promise<void> {
  const { format, extraSpace, diskSize } = context.params;
  switch (format) {
    case 'raw.gz':
    case 'raw.xz':
    case 'raw.zst':
      return void (await context.exec({
        argv: compressArgv(format === 'raw.gz' ? 'gz' : format === 'raw.xz' ? 'xz' : 'zst', '/in/raw'),
        stdout: { file },
      }));
  }
  const size = virtualSize(format, context.blob('raw').size, extraSpace, diskSize);
  const source = await sourceDisk(context, size);
  switch (format) {
    case 'gce.tar.gz':
      return googleArchive(context, source, file);
    case 'hdd.zip': {
      const image = await virtualDisk(context, 'parallels', source, 'disk.hds');
      return writeArchive(context, parallelsMembers(context, image, size), file);
    }
    case 'ova':
    case 'ovf.zip': {
      const vmdk = await virtualDisk(context, 'vmdk', source, 'disk.vmdk');
      const members = await ovfMembers(context, vmdk, size);
      if (format === 'ova') return writeTar(join(context.work, file), members, context.epoch);
      return writeArchive(context, members, file);
    }
    default:
      await virtualDisk(context, format, source, file);
  }
}

export default defineStep<Params>({
  kind: 'convert',
  summary: ({ format }) => `Convert the disk to ${format}`,
  params,
  async run(context) {
    const { format, maxSize } = context.params;
    const file = `disk.${format}`;
    await convert(context, file);
    const { size } = await stat(join(context.work, file));
    checkLimit(`The ${format} image`, size, maxSize, partsOf(context.facts('raw')));
    return { files: { file } };
  },
});
