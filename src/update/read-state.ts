/** Reads what the running system and the boot disk say. */
import {
  GRUBENV,
  parseEnvironment,
  parseSlotConfig,
  slotConfig,
  slotFile,
  SLOTS,
  type BootEnvironment,
  type Slot,
} from '../disk/boot-slots.ts';
import type { BootDisk } from './boot-disk.ts';
import type { BootState, Running, SlotState } from './slots.ts';

/** The words that grub.cfg and slot.cfg put on the kernel command line. */
export function readRunning(cmdline: string): Running {
  const words = cmdline.trim().split(/\s+/);
  const value = (key: string) => words.findLast((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
  const slot = SLOTS.find((name) => name === value('osmith.slot'));
  return { slot, build: value('osmith.build'), trial: value('osmith.trial') === '1' };
}

export async function readEnvironment(disk: BootDisk): Promise<BootEnvironment> {
  return parseEnvironment(await disk.read(GRUBENV));
}

/** `thorough`: reads the files and compares digests; else sizes only. */
export async function readSlot(disk: BootDisk, slot: Slot, thorough: boolean): Promise<SlotState> {
  const system = parseSlotConfig(slot, await disk.read(slotConfig(slot)));
  if (system === undefined) return { intact: false };
  for (const { name, size, sha256 } of system.parts) {
    const path = slotFile(slot, name);
    if ((await disk.size(path)) !== size) return { system, intact: false };
    if (thorough && (await disk.digest(path, size)) !== sha256) return { system, intact: false };
  }
  return { system, intact: true };
}

export async function readState(
  disk: BootDisk,
  running: Running & { slot: Slot },
  thorough: boolean,
): Promise<BootState> {
  return {
    running,
    environment: await readEnvironment(disk),
    slots: { a: await readSlot(disk, 'a', thorough), b: await readSlot(disk, 'b', thorough) },
  };
}
