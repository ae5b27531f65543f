/**
 * Puts a system into a slot so that a cut of power at any moment leaves a complete system to boot. The order of the
 * writes is the whole point; docs/updates.md has the reasoning.
 */
import { MAX_TRIES, otherSlot, type Slot, type SlotPart, type SlotSystem } from '../disk/boot-slots.ts';
import { OsmithError } from '../errors.ts';
import type { PartStore, SlotStore } from './slot-store.ts';

/**
 * Brings a part's bytes to the disk: appends to what is there and is of the same build. `again`: what it brought, or
 * found, was wrong; it is gone, and nothing but the published file itself is to be trusted now.
 */
export type Fill = (part: SlotPart, store: PartStore, again: boolean) => Promise<void>;

/** Has only `slot` booted from now on. */
export async function settle(slots: SlotStore, slot: Slot): Promise<void> {
  await slots.setEnvironment({ slot });
}

/** Has the next boots try the other slot. */
export async function putOnTrial(slots: SlotStore, slot: Slot, tries: number): Promise<void> {
  const left = Math.max(1, Math.min(MAX_TRIES, tries));
  await slots.setEnvironment({ slot: otherSlot(slot), trial: { slot, left }, unproven: slot });
}

/** Fills, then checks what the medium has. Twice: what an interrupted update left may be garbage. */
async function bring(part: SlotPart, store: PartStore, fill: Fill): Promise<void> {
  for (const again of [false, true]) {
    await fill(part, store, again);
    await store.sync();
    if ((await store.size()) === part.size && (await store.digest(part.size)) === part.sha256) return;
    await store.remove();
  }
  throw new OsmithError('E_SIGNATURE', `${part.name} is not the file that the release names`, {
    hint: `Expected SHA-256 ${part.sha256}. Nothing was installed; publish the release again`,
  });
}

/** Fills a slot that is not the one that boots, or the running one whose files are gone. Leaves it complete. */
export async function fillSlot(slots: SlotStore, slot: Slot, system: SlotSystem, fill: Fill): Promise<void> {
  await slots.open(slot, system);
  for (const part of system.parts) await bring(part, slots.part(slot, part.name), fill);
  await slots.close(slot, system);
}

/** Installs a system beside the running one and puts it on trial. */
export async function install(
  slots: SlotStore,
  running: Slot,
  system: SlotSystem,
  fill: Fill,
  tries: number,
): Promise<void> {
  const slot = otherSlot(running);
  // From here on nothing may choose the slot, whatever was said before.
  await settle(slots, running);
  await fillSlot(slots, slot, system, fill);
  await putOnTrial(slots, slot, tries);
}
