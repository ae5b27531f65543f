/** Slots as files on the EFI system partition, and GRUB's environment block: systems that run from memory. */
import {
  formatEnvironment,
  formatSlotConfig,
  GRUBENV,
  parseEnvironment,
  parseSlotConfig,
  slotConfig,
  slotDirectory,
  slotFile,
  type Slot,
  type SlotPart,
  type SlotSystem,
} from '../disk/boot-slots.ts';
import { noRoom, type BootDisk } from './boot-disk.ts';
import type { BootFiles } from './esp.ts';
import type { PartStore, SlotAccess, SlotStore } from './slot-store.ts';

/** Says of which build the files of an incomplete slot are. */
function unfinished(slot: Slot): string {
  return slotFile(slot, 'part');
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

function partFile(disk: BootDisk, file: string, path: string): PartStore {
  return {
    path,
    size: async () => disk.size(file),
    write: async (data, offset) => disk.write(file, data, offset),
    truncate: async (size) => disk.truncate(file, size),
    sync: async () => disk.sync(file),
    digest: async (size) => disk.digest(file, size),
    remove: async () => removeSynced(disk, file),
  };
}

/** `pathOf`: of a file for other parts of this program. */
export function espSlotStore(disk: BootDisk, pathOf: (file: string) => string): SlotStore {
  return {
    environment: async () => parseEnvironment(await disk.read(GRUBENV)),
    async setEnvironment(environment) {
      const text = formatEnvironment(environment);
      if (formatEnvironment(parseEnvironment(await disk.read(GRUBENV))) === text) return;
      // All that changes is one sector of a file that is there already.
      await disk.write(GRUBENV, Buffer.from(text), 0);
      await disk.sync(GRUBENV);
    },
    system: async (slot) => parseSlotConfig(slot, await disk.read(slotConfig(slot))),
    part: (slot, name) => partFile(disk, slotFile(slot, name), pathOf(slotFile(slot, name))),
    async checkRoom(slot, parts) {
      let free = await disk.free();
      for (const name of await disk.list(slotDirectory(slot)))
        free += (await disk.size(slotFile(slot, name))) ?? 0;
      const need = parts.reduce((sum, { size }) => sum + size, 64 * 1024);
      if (free < need) throw noRoom(need, free);
    },
    async open(slot, system) {
      await clear(disk, slot, system);
      await requireRoom(disk, slot, system.parts);
      await disk.write(unfinished(slot), Buffer.from(system.build), 0);
      await disk.sync(unfinished(slot));
    },
    async close(slot, system) {
      await disk.write(slotConfig(slot), Buffer.from(formatSlotConfig(slot, system)), 0);
      await disk.sync(slotConfig(slot));
      await removeSynced(disk, unfinished(slot));
    },
  };
}

export function espSlots(boot: BootFiles): SlotAccess {
  const store = (disk: BootDisk) => espSlotStore(disk, (file) => boot.path(file));
  return {
    parts: ['vmlinuz', 'initrd'],
    readOnly: async (use) => boot.readOnly(async (disk) => use(store(disk))),
    readWrite: async (use) => boot.readWrite(async (disk) => use(store(disk))),
  };
}
