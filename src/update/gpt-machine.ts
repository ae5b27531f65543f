/** Finds the disk that the system runs from, and its slots. */
import { mkdir, readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SLOTS, type Slot } from '../disk/boot-slots.ts';
import { ROOT_PART, SLOT_NAMES } from '../disk/gpt-slots.ts';
import { OsmithError } from '../errors.ts';
import { lockFile } from '../run/lock.ts';
import { gptSlotStore, type GptMachine, type SlotPartition } from './gpt-slots.ts';
import { must, type RunProgram } from './programs.ts';
import { rawDisk } from './raw-disk.ts';
import type { SlotAccess, SlotStore } from './slot-store.ts';

/** The number of the device that is the root of the first program: others may see another one. */
export function rootDevice(mountinfo: string): string | undefined {
  const lines = mountinfo.split('\n').map((line) => line.split(' '));
  return lines.findLast((fields) => fields[4] === '/')?.[2];
}

async function properties(directory: string): Promise<Map<string, string>> {
  const text = await readFile(join(directory, 'uevent'), 'utf8').catch(() => '');
  return new Map(text.split('\n').map((line) => line.split('=', 2) as [string, string]));
}

/** Throws E_UPDATE for a machine that has no such disk. `root`: `/`; tests: a directory with `sys`, `proc`, `dev`. */
export async function findGptMachine(root: string, run: RunProgram): Promise<GptMachine> {
  const number = rootDevice(await readFile(join(root, 'proc/1/mountinfo'), 'utf8'));
  const sys = join(root, 'sys');
  const own = await realpath(join(sys, `dev/block/${number ?? ''}`)).catch(() => undefined);
  const parent = own === undefined ? '' : dirname(own);
  const partitions = new Map<string, string>();
  for (const name of await readdir(parent === '' ? sys : parent)) {
    const found = await properties(join(parent, name));
    if (found.get('DEVTYPE') === 'partition') partitions.set(found.get('PARTNAME') ?? '', name);
  }
  const device = (name: string): SlotPartition => {
    const path = join(root, 'dev', name);
    return { path, disk: rawDisk(path, sys) };
  };
  const slot = (each: Slot) => {
    const name = partitions.get(SLOT_NAMES[each]);
    if (name !== undefined) return device(name);
    throw new OsmithError('E_UPDATE', `The disk of the running system has no partition ${SLOT_NAMES[each]}`, {
      hint: 'A machine makes its second slot when it starts for the first time; look what its console said',
    });
  };
  const [a, b] = SLOTS.map(slot) as [SlotPartition, SlotPartition];
  return {
    disk: device(basename(parent)).disk,
    slots: { a, b },
    reread: async ({ path }) => void (await must(run, ['blockdev', '--flushbufs', path])),
  };
}

/** The disk is searched for each time: the second slot may come later. */
export function gptSlots(root: string, run: RunProgram): SlotAccess {
  const directory = join(root, 'run/osmith');
  const use = async <T>(act: (slots: SlotStore) => Promise<T>): Promise<T> => {
    await mkdir(directory, { recursive: true });
    const lock = await lockFile(join(directory, 'slots.lock'), { wait: true });
    try {
      return await act(gptSlotStore(await findGptMachine(root, run)));
    } finally {
      await lock?.release();
    }
  };
  return { parts: [ROOT_PART], readOnly: use, readWrite: use };
}
