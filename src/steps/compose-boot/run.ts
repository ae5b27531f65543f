/** Splits a composed system into what a boot loader takes: kernel, command line and initrd. */
import { createReadStream, createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { z } from 'zod';
import { MADE_TIME } from '../../compose/image-files.ts';
import { initrdEntries } from '../../compose/initrd.ts';
import { cpioArchive, padding4 } from '../../disk/cpio.ts';
import { readTar, type StreamedEntry } from '../../disk/tar-reader.ts';
import { OsmithError } from '../../errors.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({});

/** Paths in the tar to files in the work directory. */
const PARTS = new Map([
  ['boot/kernel', 'kernel'],
  ['boot/cmdline', 'cmdline'],
  ['boot/ucode.cpio', 'ucode.cpio'],
]);

export default defineStep<z.infer<typeof params>>({
  kind: 'compose-boot',
  summary: () => 'Make kernel, command line and initrd of the composed system',
  params,
  async run(context) {
    const found = new Map<string, number>();

    /** All that is not for the boot loader, which goes into files on the way. */
    async function* rest(): AsyncGenerator<StreamedEntry> {
      const tar = createReadStream(context.path('tar'), { highWaterMark: 1 << 20 });
      for await (const streamed of readTar(tar)) {
        const { path, size } = streamed.entry;
        const part = PARTS.get(path);
        if (part !== undefined) {
          found.set(part, size);
          await pipeline(Readable.from(streamed.body()), createWriteStream(join(context.work, part)));
        } else if (path !== 'boot' && !path.startsWith('boot/')) yield streamed;
      }
    }

    const packed = join(context.work, 'root.gz');
    const archive = Readable.from(cpioArchive(initrdEntries(rest()), MADE_TIME), { objectMode: false });
    await pipeline(archive, createGzip({ level: 6, chunkSize: 1 << 18 }), createWriteStream(packed));
    if (!found.has('kernel')) {
      throw new OsmithError('E_COMPOSE', 'The composition has no kernel to boot', {
        hint: 'Name one under kernel.image, or choose the format tar',
      });
    }
    const microcode = found.get('ucode.cpio');
    if (microcode === undefined)
      return { files: { kernel: 'kernel', cmdline: 'cmdline', initrd: 'root.gz' } };
    const initrd = join(context.work, 'initrd.img');
    // The kernel looks for microcode before it can unpack anything, and for the next archive at a multiple of four.
    await pipeline(createReadStream(join(context.work, 'ucode.cpio')), createWriteStream(initrd));
    await writeFile(initrd, padding4(microcode), { flag: 'a' });
    await pipeline(createReadStream(packed), createWriteStream(initrd, { flags: 'a' }));
    return { files: { kernel: 'kernel', cmdline: 'cmdline', initrd: 'initrd.img' } };
  },
});
