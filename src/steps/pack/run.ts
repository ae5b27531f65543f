/** Packs one file as a squashfs image, from which it can be read in place. */
import { link } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { packFilesArgv, SQUASHFS_COMPRESSIONS } from '../../disk/mksquashfs.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** What the file is called in the image. */
  file: z.string().regex(/^[\w.-]+$/),
  compression: z.enum(SQUASHFS_COMPRESSIONS),
  level: z.int().min(0).max(22).optional(),
});

export default defineStep<z.infer<typeof params>>({
  kind: 'pack',
  summary: ({ file, compression }) => `Pack ${file} to be read in place (${compression})`,
  params,
  async run(context) {
    const { file, compression, level } = context.params;
    await link(context.path('file'), join(context.work, file));
    await context.exec({ argv: packFilesArgv([file], 'image.squashfs', compression, level) });
    return { files: { image: 'image.squashfs' } };
  },
});
