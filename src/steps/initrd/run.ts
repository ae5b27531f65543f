/** Makes the initrd that is the system: a small archive that starts it, followed by one that holds its root image. */
import { createWriteStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { decompressArgv } from '../../disk/compressors.ts';
import { cpioArchive, padding4, type CpioEntry } from '../../disk/cpio.ts';
import { isStaticElf } from '../../disk/elf.ts';
import type { ModuleToLoad } from '../../disk/kmod.ts';
import { OsmithError } from '../../errors.ts';
import { defineStep, type StepContext } from '../types.ts';
import { earlyEntries, imageEntries } from './entries.ts';
import { gather } from './gather.ts';

const params = z.strictObject({
  /** File system of the root image. */
  format: z.enum(['squashfs', 'erofs']),
  /** Whether / is a writable overlay or read-only when the kernel command line says nothing. */
  root: z.enum(['overlay', 'ro']).default('overlay'),
  /** Further kernel modules to load before the root is mounted. */
  modules: z.array(z.string()).default([]),
});

type Params = z.infer<typeof params>;

/** Unpacked modules, by name: the small archive is compressed as a whole, and busybox need not know how. */
async function unpackModules(
  context: StepContext<Params>,
  modules: readonly ModuleToLoad[],
): Promise<Map<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  for (const { name, path } of modules) {
    const argv = decompressArgv(`modules/${path}`);
    const file = argv === undefined ? `modules/${path}` : `modules/${name}.ko`;
    if (argv !== undefined) await context.exec({ argv, stdout: { file } });
    contents.set(name, await readFile(join(context.work, file)));
  }
  return contents;
}

async function requireStatic(file: string, path: string): Promise<void> {
  const handle = await open(file);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
  await handle.close();
  if (isStaticElf(buffer.subarray(0, bytesRead))) return;
  throw new OsmithError('E_STEP', `/${path} of the tree is not a statically linked program`, {
    hint: 'Install the static variant (Debian: busybox-static)',
  });
}

async function writeCpio(
  entries: Iterable<CpioEntry>,
  epoch: number,
  file: string,
  flags: 'w' | 'a',
): Promise<void> {
  await pipeline(
    Readable.from(cpioArchive(entries, epoch), { objectMode: false }),
    createWriteStream(file, { flags }),
  );
}

export default defineStep<Params>({
  kind: 'initrd',
  summary: ({ format }) => `Make the initrd that holds the system (${format})`,
  params,
  async run(context) {
    const { format, root, modules: extra } = context.params;
    const found = await gather(context, ['loop', 'overlay', format, ...extra]);
    const image = context.path('image');
    const imageSize = (await stat(image)).size;
    const busybox = join(context.work, 'busybox');
    await requireStatic(busybox, found.busybox);
    const early = earlyEntries({
      init: await readFile(join(import.meta.dirname, 'init.sh')),
      busybox: await readFile(busybox),
      settings: { format, root },
      modules: found.modules,
      contents: await unpackModules(context, found.modules),
    });
    const initrd = join(context.work, 'initrd');
    await writeCpio(early, context.epoch, join(context.work, 'early.cpio'), 'w');
    await context.exec({
      argv: ['zstd', '-q', '-19', '-T1', '-c', 'early.cpio'],
      stdout: { file: 'initrd' },
    });
    // The kernel looks for the next archive at a multiple of four and skips zeros on its way there.
    const { size } = await stat(initrd);
    await pipeline(Readable.from([padding4(size)]), createWriteStream(initrd, { flags: 'a' }));
    await writeCpio(imageEntries(image, imageSize), context.epoch, initrd, 'a');
    context.log(`early part ${size} bytes, root image ${imageSize} bytes`);
    return { files: { initrd: 'initrd' }, facts: { kernelVersion: found.kernelVersion } };
  },
});
