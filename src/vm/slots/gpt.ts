/** Slots that are partitions: systems that run from a root image. */
import { appendFile } from 'node:fs/promises';
import { SLOTS, type Slot } from '../../disk/boot-slots.ts';
import { environmentOf, RECORD_SIZE, ROOT_PART, SLOT_NAMES } from '../../disk/gpt-slots.ts';
import { entriesOf, readGpt, type RawDisk } from '../../disk/gpt-table.ts';
import { OsmithError } from '../../errors.ts';
import { readSystem, type SlotContents } from '../../update/gpt-slots.ts';
import { rawDisk } from '../../update/raw-disk.ts';
import type { OtherBuild } from '../publish/builds.ts';
import { remakeRoot } from './remake-root.ts';
import type { SlotKind } from './types.ts';

/** What is done to the root file system, in its root directory. */
const SCRIPTS: Record<Exclude<OtherBuild, 'newer'>, string> = {
  broken: String.raw`printf '#!/bin/sh\nexit 1\n' > init.new; chmod 755 init.new; mv init.new usr/sbin/init`,
  // Decided in a minute: nobody waits ten for what will not come.
  unhealthy: String.raw`service=containers/services/ailing
mkdir -p $service/rootfs etc/osmith
cp usr/bin/busybox $service/rootfs/
printf '{"ociVersion":"1.0.2","process":{"args":["/busybox","true"],"cwd":"/"},"root":{"path":"rootfs"},"linux":{"namespaces":[{"type":"mount"},{"type":"pid"}]}}\n' > $service/config.json
printf '{"cgroups":[],"mounts":[],"mkdir":[],"interfaces":[],"bindNS":{},"namespace":""}\n' > $service/runtime.json
echo 60 > etc/osmith/trial-seconds`,
  'no-kernel': 'rm boot/kernel; echo osmith > boot/kernel',
  unsigned: 'printf osmith | dd of=boot/kernel bs=1 seek=$(($(stat -c %s boot/kernel) / 2)) conv=notrunc',
};

/** A part of a disk, to be read. */
function within(disk: RawDisk, start: number, size: number): SlotContents {
  return { disk: { size: async () => size, read: async (at, length) => disk.read(start + at, length) } };
}

export const gptSlotKind: SlotKind = {
  parts: [ROOT_PART],
  main: ROOT_PART,
  async change(file, build, { buildTools }) {
    // What is behind a file system nobody reads, but the build is another one.
    if (build === 'newer') await appendFile(file, Buffer.alloc(RECORD_SIZE, 'newer\n'));
    else await remakeRoot(await buildTools(), file, SCRIPTS[build]);
  },
  async look({ disk: path }) {
    const disk = rawDisk(path);
    const entries = entriesOf((await readGpt(disk)).table);
    const [a, b] = SLOTS.map((slot: Slot) => {
      const found = entries.find(({ name }) => name === SLOT_NAMES[slot]);
      if (found !== undefined) return found;
      throw new OsmithError('E_UPDATE', `The disk has no partition ${SLOT_NAMES[slot]}`);
    });
    const [inA, inB] = await Promise.all(
      [a!, b!].map(async ({ start, size }) => readSystem(within(disk, start, size))),
    );
    return { environment: environmentOf({ a: a!.state, b: b!.state }), systems: { a: inA, b: inB } };
  },
};
