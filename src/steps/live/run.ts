/**
 * Makes what turns an installed system's own initramfs into that of a live system, to be loaded behind it: an archive
 * with the units that take the root file system out of the disk image on the medium.
 */
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { CPIO_TYPE, cpioArchive, type CpioEntry } from '../../disk/cpio.ts';
import { mediumFile } from '../../disk/grub-iso.ts';
import { seededUuid } from '../../disk/ids.ts';
import { directoriesOf } from '../../disk/mtools.ts';
import { entryOptions } from '../../disk/sdboot.ts';
import { OsmithError } from '../../errors.ts';
import { defineStep, type StepContext } from '../types.ts';
import { LIVE_LINKS, liveCmdline, liveFiles } from './units.ts';

const params = z.strictObject({});

/** What the archive holds. */
export function entries(files: Map<string, Buffer>): CpioEntry[] {
  const directories = directoriesOf([...files.keys(), ...LIVE_LINKS.keys()]);
  return [
    ...directories.map((name) => ({ name, mode: CPIO_TYPE.directory | 0o755 })),
    ...[...files].map(([name, data]) => ({ name, mode: CPIO_TYPE.file | 0o644, data })),
    ...[...LIVE_LINKS].map(([name, to]) => ({
      name,
      mode: CPIO_TYPE.symlink | 0o777,
      data: Buffer.from(to),
    })),
  ];
}

function rootPlace(context: StepContext<unknown>): { start: number; size: number } {
  const { root } = context.facts('disk');
  if (typeof root === 'object' && root !== null) return root as { start: number; size: number };
  throw new OsmithError('E_INTERNAL', 'The disk does not say where its root file system is');
}

export default defineStep<z.infer<typeof params>>({
  kind: 'live',
  summary: () => 'Make the part of the initramfs that starts a live system',
  params,
  async run(context) {
    const options = entryOptions(await readFile(context.path('entry'), 'utf8'));
    if (options === undefined)
      throw new OsmithError('E_STEP', 'The boot loader entry of the system has no options');
    const id = seededUuid(context.seed, 'medium');
    const script = await readFile(join(import.meta.dirname, 'live.sh'));
    const files = liveFiles(script, { medium: mediumFile(id), ...rootPlace(context) });
    await pipeline(
      Readable.from(cpioArchive(entries(files), context.epoch), { objectMode: false }),
      createWriteStream(join(context.work, 'live.cpio')),
    );
    return { files: { initrd: 'live.cpio' }, facts: { medium: id, cmdline: liveCmdline(options) } };
  },
});
