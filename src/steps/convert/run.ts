/** Turns a raw disk image into the format that a platform wants. */
import { z } from 'zod';
import { compressArgv } from '../../disk/compressors.ts';
import { qemuImgArgv, type VirtualDiskFormat } from '../../disk/qemu-img.ts';
import { settleIds } from '../../disk/virtual-disk-ids.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  format: z.enum(['raw.gz', 'raw.zst', 'raw.xz', 'qcow2', 'vmdk', 'vdi', 'vhdx']),
});

const COMPRESSORS = { 'raw.gz': 'gz', 'raw.zst': 'zst', 'raw.xz': 'xz' } as const;

function isCompressed(format: string): format is keyof typeof COMPRESSORS {
  return format in COMPRESSORS;
}

export default defineStep<z.infer<typeof params>>({
  kind: 'convert',
  summary: ({ format }) => `Convert the disk to ${format}`,
  params,
  async run(context) {
    const { format } = context.params;
    const file = `disk.${format}`;
    if (isCompressed(format)) {
      await context.exec({ argv: compressArgv(COMPRESSORS[format], '/in/raw'), stdout: { file } });
    } else {
      await context.exec({ argv: qemuImgArgv(format satisfies VirtualDiskFormat, '/in/raw', file) });
      await settleIds(`${context.work}/${file}`, format, context.seed);
    }
    return { files: { file } };
  },
});
