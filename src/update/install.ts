/**
 * Puts a system into a slot so that a cut of power at any moment leaves a complete system to boot. The order of the
 * writes is the whole point; docs/updates.md has the reasoning.
 */
import {
  formatEnvironment,
  formatSlotConfig,
  GRUBENV,
  MAX_TRIES,
  otherSlot,
  parseSlotConfig,
  slotConfig,
  slotDirectory,
  slotFile,
  type BootEnvironment,
  type Slot,
  type SlotPart,
  type SlotSystem,
} from '../disk/boot-slots.ts';
import { OsmithError } from '../errors.ts';
import { noRoom, type BootDisk } from './boot-disk.ts';
import { readEnvironment } from './read-state.ts';

/**
 * Brings a part's bytes to the disk: appends to what is there and is of the same build. `again`: what it brought, or
 * found, was wrong; the file is gone, and nothing but the published file itself is to be trusted now.
 */
export type Fill = (part: SlotPart, path: string, again: boolean) => Promise<void>;

/** Says of which build the files of an incomplete slot are. */
function unfinished(slot: Slot): string {
  return slotFile(slot, 'part');
}

/** The commit: all that changes is one sector of a file that is there already. */
export async function writeEnvironment(disk: BootDisk, environment: BootEnvironment): Promise<void> {
  await disk.write(GRUBENV, Buffer.from(formatEnvironment(environment)), 0);
  await disk.sync(GRUBENV);
}

function sameEnvironment(a: BootEnvironment, b: BootEnvironment): boolean {
  return formatEnvironment(a) === formatEnvironment(b);
}

/** Makes the environment block say that only `slot` is to be booted. */
export async function settle(disk: BootDisk, slot: Slot): Promise<void> {
  const wanted: BootEnvironment = { slot };
  if (!sameEnvironment(await readEnvironment(disk), wanted)) await writeEnvironment(disk, wanted);
}

/** Has the next boots try the other slot. */
export async function putOnTrial(disk: BootDisk, slot: Slot, tries: number): Promise<void> {
  const left = Math.max(1, Math.min(MAX_TRIES, tries));
  await writeEnvironment(disk, { slot: otherSlot(slot), trial: { slot, left }, unproven: slot });
}

async function removeSynced(disk: BootDisk, path: string): Promise<void> {
  await disk.remove(path);
  await disk.sync(path);
}

/** Empties a slot, but for the files of this very build: what an interrupted update left, or a damaged slot has. */
async function clear(disk: BootDisk, slot: Slot, { build, parts }: SlotSystem): Promise<void> {
  const marks = [
    await disk.read(unfinished(slot)),
    parseSlotConfig(slot, await disk.read(slotConfig(slot)))?.build,
  ];
  const keep = marks.includes(build) ? [...parts.map(({ name }) => name), 'part'] : [];
  // First what makes it a complete slot; only then its files may go.
  await removeSynced(disk, slotConfig(slot));
  for (const name of await disk.list(slotDirectory(slot))) {
    if (!keep.includes(name)) await disk.remove(slotFile(slot, name));
  }
  await disk.makeDirectory(slotDirectory(slot));
  await disk.sync(slotDirectory(slot));
}

async function requireRoom(disk: BootDisk, slot: Slot, parts: readonly SlotPart[]): Promise<void> {
  let need = 64 * 1024;
  for (const { name, size } of parts)
    need += Math.max(0, size - ((await disk.size(slotFile(slot, name))) ?? 0));
  const free = await disk.free();
  if (free < need) throw noRoom(need, free);
}

/** Whether there will be room once the slot is empty. To be asked before anything is changed. */
export async function checkRoom(disk: BootDisk, slot: Slot, parts: readonly SlotPart[]): Promise<void> {
  let free = await disk.free();
  for (const name of await disk.list(slotDirectory(slot)))
    free += (await disk.size(slotFile(slot, name))) ?? 0;
  const need = parts.reduce((sum, { size }) => sum + size, 64 * 1024);
  if (free < need) throw noRoom(need, free);
}

/** Fills, then checks what the medium has. Twice: what an interrupted update left may be garbage. */
async function bring(disk: BootDisk, part: SlotPart, path: string, fill: Fill): Promise<void> {
  for (const again of [false, true]) {
    await fill(part, path, again);
    await disk.sync(path);
    const size = await disk.size(path);
    if (size === part.size && (await disk.digest(path, part.size)) === part.sha256) return;
    await removeSynced(disk, path);
  }
  throw new OsmithError('E_SIGNATURE', `${part.name} is not the file that the release names`, {
    hint: `Expected SHA-256 ${part.sha256}. Nothing was installed; publish the release again`,
  });
}

/** Fills a slot that is not the one GRUB starts, or the running one whose files are gone. Leaves it complete. */
export async function fillSlot(disk: BootDisk, slot: Slot, system: SlotSystem, fill: Fill): Promise<void> {
  await clear(disk, slot, system);
  await requireRoom(disk, slot, system.parts);
  await disk.write(unfinished(slot), Buffer.from(system.build), 0);
  await disk.sync(unfinished(slot));
  for (const part of system.parts) await bring(disk, part, slotFile(slot, part.name), fill);
  await disk.write(slotConfig(slot), Buffer.from(formatSlotConfig(slot, system)), 0);
  await disk.sync(slotConfig(slot));
  await removeSynced(disk, unfinished(slot));
}

/** Installs a system beside the running one and puts it on trial. */
export async function install(
  disk: BootDisk,
  running: Slot,
  system: SlotSystem,
  fill: Fill,
  tries: number,
): Promise<void> {
  const slot = otherSlot(running);
  // From here on GRUB must not choose the slot, whatever it said before.
  await settle(disk, running);
  await fillSlot(disk, slot, system, fill);
  await putOnTrial(disk, slot, tries);
}
