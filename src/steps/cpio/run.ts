/** Makes an archive of one file, to be loaded as a further initrd: the file is then in the first root file system. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { CPIO_TYPE, cpioArchive } from '../../disk/cpio.ts';
import { directoriesOf } from '../../disk/mtools.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** Where the file will be, without a leading slash. */
  path: z.string().regex(/^[^/]+(\/[^/]+)*$/),
});

export default defineStep<z.infer<typeof params>>({
  kind: 'cpio',
  summary: ({ path }) => `Make /${path} an initrd`,
  params,
  async run(context) {
    const { path } = context.params;
    const data = { file: context.path('file'), size: context.blob('file').size };
    const entries = [
      ...directoriesOf([path]).map((name) => ({ name, mode: CPIO_TYPE.directory | 0o755 })),
      { name: path, mode: CPIO_TYPE.file | 0o444, data },
    ];
    const archive = Readable.from(cpioArchive(entries, context.epoch), { objectMode: false });
    await pipeline(archive, createWriteStream(join(context.work, 'initrd')));
    return { files: { initrd: 'initrd' } };
  },
});
