/** The two ways in which a machine keeps its systems, on a simulated disk: what holds for one must hold for the other. */
import { crc32 } from 'node:zlib';
import {
  formatEnvironment,
  formatSlotConfig,
  GRUBENV,
  slotConfig,
  slotFile,
  SLOTS,
  type BootEnvironment,
  type Slot,
  type SlotSystem,
} from '../disk/boot-slots.ts';
import { RECORD_SIZE, recordBlock, ROOT_PART, SLOT_NAMES, statesOf } from '../disk/gpt-slots.ts';
import { guidBytes, seededUuid } from '../disk/ids.ts';
import { SECTOR } from '../disk/layout.ts';
import { SLOT_TYPE } from '../disk/layouts/edge.ts';
import { espSlotStore } from './esp-slots.ts';
import { selectSlot } from './gpt-model.ts';
import { gptSlotStore } from './gpt-slots.ts';
import { grubBoot, type Files } from './grub-model.ts';
import type { Simulation } from './simulated-disk.ts';
import type { SlotStore } from './slot-store.ts';

export interface TestSystem {
  system: SlotSystem;
  contents: Record<string, Buffer>;
}

/** What a machine starts. */
export interface Boot {
  slot: Slot;
  trial: boolean;
  contents: Record<string, string>;
}

export interface TestLayout {
  name: string;
  /** Names and sizes of the parts of a system. */
  parts: Record<string, number>;
  /** A disk as builds and updates leave it. */
  disk(slots: Partial<Record<Slot, TestSystem>>, environment: BootEnvironment): Map<string, Buffer>;
  store(simulation: Simulation): SlotStore;
  /** One boot: what is started, and the disk afterwards. */
  boot(files: Files): Promise<{ boot: Boot | undefined; after: Map<string, Buffer> }>;
}

export const espLayout: TestLayout = {
  name: 'files on the EFI system partition',
  parts: { vmlinuz: 700, initrd: 2100 },
  disk(slots, environment) {
    const files = new Map<string, Buffer>([[GRUBENV, Buffer.from(formatEnvironment(environment))]]);
    for (const [slot, { contents, system }] of Object.entries(slots) as [Slot, TestSystem][]) {
      for (const [name, data] of Object.entries(contents)) files.set(slotFile(slot, name), data);
      files.set(slotConfig(slot), Buffer.from(formatSlotConfig(slot, system)));
    }
    return files;
  },
  store: ({ disk }) => espSlotStore(disk, (file) => file),
  async boot(files) {
    const { boot, after } = grubBoot(files);
    if (boot === undefined) return { boot, after };
    const { slot, trial, ...contents } = boot;
    return { boot: { slot, trial, contents }, after };
  },
};

const DISK_SECTORS = 128;
const ENTRY = 128;

/** An empty disk with a partition for each slot in its table. */
export function slotTable(environment: BootEnvironment): Buffer {
  const disk = Buffer.alloc(DISK_SECTORS * SECTOR);
  const states = statesOf(environment);
  const entries = Buffer.alloc(128 * ENTRY);
  for (const [index, slot] of SLOTS.entries()) {
    const entry = entries.subarray((index + 1) * ENTRY);
    guidBytes(SLOT_TYPE).copy(entry);
    guidBytes(seededUuid('test', slot)).copy(entry, 16);
    entry.writeUInt16LE(states[slot], 54);
    entry.write(SLOT_NAMES[slot], 56, 'utf16le');
  }
  const last = DISK_SECTORS - 1;
  for (const [my, other, at] of [
    [1, last, 2],
    [last, 1, last - 32],
  ] as const) {
    const header = Buffer.alloc(SECTOR);
    header.write('EFI PART\0\0\x01\0\x5c\0\0\0', 'latin1');
    [my, other, 34, last - 33].forEach((lba, index) => header.writeBigUInt64LE(BigInt(lba), 24 + index * 8));
    header.writeBigUInt64LE(BigInt(at), 72);
    [128, ENTRY, crc32(entries)].forEach((value, index) => header.writeUInt32LE(value, 80 + index * 4));
    header.writeUInt32LE(crc32(header.subarray(0, 92)), 16);
    header.copy(disk, my * SECTOR);
    entries.copy(disk, at * SECTOR);
  }
  return disk;
}

const SLOT_BYTES = 16 * SECTOR;

function slotPartition({ contents, system }: TestSystem): Buffer {
  const data = Buffer.alloc(SLOT_BYTES);
  contents[ROOT_PART]!.copy(data);
  recordBlock(system).copy(data, SLOT_BYTES - RECORD_SIZE);
  return data;
}

export const gptLayout: TestLayout = {
  name: 'partitions with attributes',
  parts: { [ROOT_PART]: 2800 },
  disk: (slots, environment) =>
    new Map([
      ['disk', slotTable(environment)],
      ...SLOTS.map((slot): [string, Buffer] => {
        const there = slots[slot];
        return [slot, there === undefined ? Buffer.alloc(SLOT_BYTES) : slotPartition(there)];
      }),
    ]),
  store: (simulation) =>
    gptSlotStore({
      disk: simulation.raw('disk'),
      slots: {
        a: { path: 'a', disk: simulation.raw('a') },
        b: { path: 'b', disk: simulation.raw('b') },
      },
      reread: async () => {},
    }),
  async boot(files) {
    const after = new Map(files);
    const bytes = Buffer.from(files.get('disk')!);
    const selected = await selectSlot(bytes);
    after.set('disk', bytes);
    if (selected === undefined) return { boot: undefined, after };
    const image = files.get(selected.slot)!.toString('latin1', 0, gptLayout.parts[ROOT_PART]);
    return { boot: { ...selected, contents: { [ROOT_PART]: image } }, after };
  },
};
