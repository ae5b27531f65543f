/** Slots that are files on the EFI system partition: systems in memory. */
import { appendFile, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { GRUBENV, parseEnvironment, parseSlotConfig, slotConfig, SLOTS } from '../../disk/boot-slots.ts';
import { CPIO_TYPE, cpioArchive, padding4, type CpioEntry } from '../../disk/cpio.ts';
import { OsmithError } from '../../errors.ts';
import { readFromEsp } from '../esp-files.ts';
import type { OtherBuild } from '../publish/builds.ts';
import type { SlotKind } from './types.ts';

const file = (name: string, mode: number, text: string): CpioEntry => ({
  name,
  mode: CPIO_TYPE.file | mode,
  data: Buffer.from(text),
});

/**
 * An initrd is a chain of archives, and one more makes another build of it: other digests, another identity, and
 * whatever the archive says comes true when it boots.
 */
const FILES: Partial<Record<OtherBuild, CpioEntry>> = {
  newer: file('osmith-release', 0o444, 'newer\n'),
  // The kernel panics.
  broken: file('init', 0o755, '#!/bin/busybox sh\nexit 1\n'),
};

export const espSlotKind: SlotKind = {
  parts: ['vmlinuz', 'initrd'],
  main: 'initrd',
  async change(path, build, { epoch }) {
    const entry = FILES[build];
    if (entry === undefined)
      throw new OsmithError('E_TEST', `There is no build \`${build}\` of a system in memory`, {
        hint: `There are: ${Object.keys(FILES).join(', ')}. \`image\` publishes a build of your own`,
      });
    const archive = await buffer(Readable.from(cpioArchive([entry], epoch), { objectMode: false }));
    await appendFile(path, Buffer.concat([padding4((await stat(path)).size), archive]));
  },
  async look(disk) {
    const texts = await readFromEsp(disk, [GRUBENV, ...SLOTS.map(slotConfig)]);
    const [a, b] = SLOTS.map((slot) => parseSlotConfig(slot, texts.get(slotConfig(slot))));
    return { environment: parseEnvironment(texts.get(GRUBENV)), systems: { a, b } };
  },
};
