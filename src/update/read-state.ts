/** Reads what the running system and the slots say. */
import { SLOTS, type Slot } from '../disk/boot-slots.ts';
import type { SlotStore } from './slot-store.ts';
import type { BootState, Running, SlotState } from './slots.ts';

/** The words that grub.cfg and slot.cfg, or the selector, put on the kernel command line. */
export function readRunning(cmdline: string): Running {
  const words = cmdline.trim().split(/\s+/);
  const value = (key: string) => words.findLast((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
  const slot = SLOTS.find((name) => name === value('osmith.slot'));
  const root = /^PARTUUID=(.+)$/.exec(value('root') ?? '')?.[1];
  return { slot, build: value('osmith.build'), root, trial: value('osmith.trial') === '1' };
}

/** `thorough`: reads the files and compares digests; else sizes only. */
export async function readSlot(slots: SlotStore, slot: Slot, thorough: boolean): Promise<SlotState> {
  const system = await slots.system(slot);
  if (system === undefined) return { intact: false };
  for (const { name, size, sha256 } of system.parts) {
    const part = slots.part(slot, name);
    if ((await part.size()) !== size) return { system, intact: false };
    if (thorough && (await part.digest(size)) !== sha256) return { system, intact: false };
  }
  return { system, intact: true };
}

export async function readState(
  slots: SlotStore,
  running: Running & { slot: Slot },
  thorough: boolean,
): Promise<BootState> {
  return {
    running,
    environment: await slots.environment(),
    slots: { a: await readSlot(slots, 'a', thorough), b: await readSlot(slots, 'b', thorough) },
  };
}
