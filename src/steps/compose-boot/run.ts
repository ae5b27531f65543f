/** Splits a composed system into what a boot loader takes: kernel, command line and initrd. */
import { createReadStream, createWriteStream } from 'node:fs';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { z } from 'zod';
import { madeHeader, MADE_TIME } from '../../compose/image-files.ts';
import { initrdEntries } from '../../compose/initrd.ts';
import { TarSink } from '../../compose/tar-sink.ts';
import { cpioArchive, padding4 } from '../../disk/cpio.ts';
import { readTar, type StreamedEntry } from '../../disk/tar-reader.ts';
import { OsmithError } from '../../errors.ts';
import { FILE } from '../../run/layer/entry.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({
  /** Files, with microcode in front of the initrd; or one tar of all, with microcode as a file. */
  form: z.enum(['files', 'tar']).default('files'),
});

/** Paths in the tar to files in the work directory. */
const PARTS = new Map([
  ['boot/kernel', 'kernel'],
  ['boot/cmdline', 'cmdline'],
  ['boot/ucode.cpio', 'ucode.cpio'],
]);

/** Splits the tar into files of the work directory: the initrd is `root.gz`. Returns which parts there are. */
async function split(context: StepContext<unknown>): Promise<Set<string>> {
  const found = new Set<string>();

  /** All that is not for the boot loader, which goes into files on the way. */
  async function* rest(): AsyncGenerator<StreamedEntry> {
    const tar = createReadStream(context.path('tar'), { highWaterMark: 1 << 20 });
    for await (const streamed of readTar(tar)) {
      const { path } = streamed.entry;
      const part = PARTS.get(path);
      if (part !== undefined) {
        found.add(part);
        await pipeline(Readable.from(streamed.body()), createWriteStream(join(context.work, part)));
      } else if (path !== 'boot' && !path.startsWith('boot/')) yield streamed;
    }
  }

  const archive = Readable.from(cpioArchive(initrdEntries(rest()), MADE_TIME), { objectMode: false });
  const packed = createWriteStream(join(context.work, 'root.gz'));
  await pipeline(archive, createGzip({ level: 6, chunkSize: 1 << 18 }), packed);
  if (found.has('kernel')) return found;
  throw new OsmithError('E_COMPOSE', 'The composition has no kernel to boot', {
    hint: 'Name one under kernel.image, or choose the format tar',
  });
}

/** The kernel looks for microcode before it can unpack anything, and for the next archive at a multiple of four. */
async function withMicrocode({ work }: StepContext<unknown>): Promise<void> {
  const initrd = join(work, 'initrd.img');
  const microcode = join(work, 'ucode.cpio');
  await pipeline(createReadStream(microcode), createWriteStream(initrd));
  await writeFile(initrd, padding4((await stat(microcode)).size), { flag: 'a' });
  await pipeline(createReadStream(join(work, 'root.gz')), createWriteStream(initrd, { flags: 'a' }));
}

async function writeTar({ work }: StepContext<unknown>, found: ReadonlySet<string>): Promise<void> {
  const members = [
    ['kernel', 'kernel'],
    ['root.gz', 'initrd.img'],
    ['cmdline', 'cmdline'],
    ...(found.has('ucode.cpio') ? [['ucode.cpio', 'ucode.cpio']] : []),
  ] as const;
  const file = await open(join(work, 'boot.tar'), 'w');
  try {
    const sink = new TarSink(file);
    for (const [name, path] of members) {
      const { size } = await stat(join(work, name));
      const header = madeHeader({ path: path, type: FILE, mode: 0o644, size }, { source: '', location: '' });
      sink.header({ ...header, records: new Map() });
      for await (const piece of createReadStream(join(work, name), { highWaterMark: 1 << 20 })) {
        sink.data(piece as Buffer);
        await sink.drain();
      }
    }
    await sink.end();
  } finally {
    await file.close();
  }
}

export default defineStep<z.infer<typeof params>>({
  kind: 'compose-boot',
  summary: () => 'Make kernel, command line and initrd of the composed system',
  params,
  async run(context) {
    const found = await split(context);
    if (context.params.form === 'tar') {
      await writeTar(context, found);
      return { files: { tar: 'boot.tar' } };
    }
    const microcode = found.has('ucode.cpio');
    if (microcode) await withMicrocode(context);
    const cmdline = (await readFile(join(context.work, 'cmdline'), 'utf8')).trim();
    return {
      files: { kernel: 'kernel', cmdline: 'cmdline', initrd: microcode ? 'initrd.img' : 'root.gz' },
      facts: { cmdline },
    };
  },
});
