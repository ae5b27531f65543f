/** Slots as partitions, chosen by their attributes: systems that run from a root image. See docs/slots.md. */
import { createHash } from 'node:crypto';
import { parseRecord, type Slot, type SlotPart, type SlotSystem } from '../disk/boot-slots.ts';
import {
  environmentOf,
  RECORD_SIZE,
  recordBlock,
  ROOT_PART,
  SLOT_NAMES,
  statesOf,
  type SlotStates,
} from '../disk/gpt-slots.ts';
import { entriesOf, readGpt, withStates, writeEntries, type Gpt, type RawDisk } from '../disk/gpt-table.ts';
import { guidBytes } from '../disk/ids.ts';
import { SLOT_TYPE } from '../disk/layouts/edge.ts';
import { OsmithError } from '../errors.ts';
import type { PartStore, SlotStore } from './slot-store.ts';

/** The partition of a slot. */
export interface SlotPartition {
  path: string;
  disk: RawDisk;
}

/** The same for who only looks. */
export interface SlotContents {
  disk: Pick<RawDisk, 'size' | 'read'>;
}

export interface GptMachine {
  /** The disk with the table. */
  disk: RawDisk;
  slots: Record<Slot, SlotPartition>;
  /** Makes sure that what is read next comes from the medium. */
  reread: (partition: SlotPartition) => Promise<void>;
}

const UNFINISHED = '# Osmith slot 1 unfinished';

async function recordPlace({ disk }: SlotContents): Promise<number> {
  return (await disk.size()) - RECORD_SIZE;
}

async function readRecord(partition: SlotContents): Promise<string> {
  const bytes = await partition.disk.read(await recordPlace(partition), RECORD_SIZE);
  return bytes.toString('latin1').replace(/\0+$/, '');
}

/** What a slot's end says that it holds; undefined: it is not complete. */
export async function readSystem(slot: SlotContents): Promise<SlotSystem | undefined> {
  return parseRecord(await readRecord(slot));
}

async function writeRecord(partition: SlotPartition, content: SlotSystem | string): Promise<void> {
  await partition.disk.write(await recordPlace(partition), recordBlock(content));
  await partition.disk.sync();
}

/** How far an unfinished slot has come: the build, and bytes of its root image that are on the medium. */
function parseUnfinished(text: string): { build: string; done: number } | undefined {
  const [, build, done] = new RegExp(`^${UNFINISHED} (\\w+) (\\d+)\\n$`).exec(text) ?? [];
  return build === undefined ? undefined : { build, done: Number(done) };
}

const BLOCK = 1024 * 1024;

async function digestOf({ disk }: SlotPartition, size: number): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < size; at += BLOCK) hash.update(await disk.read(at, Math.min(BLOCK, size - at)));
  return hash.digest('hex');
}

/** What is equal is not written: flash wears out. */
async function writeDifferent({ disk }: SlotPartition, data: Uint8Array, at: number): Promise<void> {
  if (Buffer.compare(await disk.read(at, data.length), data) !== 0) await disk.write(at, data);
}

function rootImage(machine: GptMachine, slot: Slot): PartStore {
  const partition = machine.slots[slot];
  let written = false;
  const progress = async (): Promise<{ build: string; done: number } | undefined> => {
    const text = await readRecord(partition);
    const whole = parseRecord(text);
    return whole === undefined
      ? parseUnfinished(text)
      : { build: whole.build, done: whole.parts.find(({ name }) => name === ROOT_PART)?.size ?? 0 };
  };
  /** Bytes that were written since the record was. */
  let position: number | undefined;
  const record = async (done: number) => {
    const build = (await progress())?.build ?? 'none';
    await writeRecord(partition, `${UNFINISHED} ${build} ${done}\n`);
  };
  return {
    path: partition.path,
    size: async () => position ?? (await progress())?.done,
    async write(data, offset) {
      await writeDifferent(partition, data, offset);
      position = offset + data.length;
      written = true;
    },
    async truncate(size) {
      position = size;
      await record(size);
    },
    async sync() {
      if (position === undefined) return;
      await partition.disk.sync();
      await record(position);
    },
    async digest(size) {
      if (size > (await recordPlace(partition))) return undefined;
      if (written) await machine.reread(partition);
      written = false;
      return digestOf(partition, size);
    },
    async remove() {
      position = 0;
      await record(0);
    },
  };
}

/** Numbers of the slots' partitions, and their states. */
function slotsOf(gpt: Gpt): { numbers: Record<Slot, number>; states: SlotStates } {
  const type = guidBytes(SLOT_TYPE);
  const entries = entriesOf(gpt.table).filter((entry) => entry.type.equals(type));
  const find = (slot: Slot) => {
    const found = entries.find(({ name }) => name === SLOT_NAMES[slot]);
    if (found !== undefined) return found;
    throw new OsmithError('E_UPDATE', `The disk has no partition ${SLOT_NAMES[slot]}`, {
      hint: 'A machine makes its second slot when it starts for the first time; look what its console said',
    });
  };
  const [a, b] = [find('a'), find('b')];
  return { numbers: { a: a.number, b: b.number }, states: { a: a.state, b: b.state } };
}

function tooSmall(slot: Slot, need: number, size: number): OsmithError {
  return new OsmithError('E_NO_SPACE', `Slot ${slot} holds ${size} bytes, the new root image needs ${need}`, {
    hint: 'Nothing was changed. Publish a smaller image, or install the machine again with larger slots',
  });
}

export function gptSlotStore(machine: GptMachine): SlotStore {
  const images = { a: rootImage(machine, 'a'), b: rootImage(machine, 'b') };
  return {
    environment: async () => environmentOf(slotsOf(await readGpt(machine.disk)).states),
    async setEnvironment(environment) {
      const gpt = await readGpt(machine.disk);
      const { numbers, states: now } = slotsOf(gpt);
      const states = statesOf(environment);
      if (now.a === states.a && now.b === states.b) return;
      const wanted = new Map([
        [numbers.a, states.a],
        [numbers.b, states.b],
      ]);
      await writeEntries(machine.disk, gpt, withStates(gpt.table, wanted));
    },
    system: async (slot) => readSystem(machine.slots[slot]),
    part: (slot) => images[slot],
    async checkRoom(slot, parts: readonly SlotPart[]) {
      const room = await recordPlace(machine.slots[slot]);
      const need = parts.reduce((sum, { size }) => sum + size, 0);
      if (need > room) throw tooSmall(slot, need, room);
    },
    async open(slot, system: SlotSystem) {
      const partition = machine.slots[slot];
      const text = await readRecord(partition);
      const kept = parseUnfinished(text) ?? { build: parseRecord(text)?.build, done: 0 };
      const done = kept.build === system.build ? kept.done : 0;
      await writeRecord(partition, `${UNFINISHED} ${system.build} ${done}\n`);
    },
    close: async (slot, system) => writeRecord(machine.slots[slot], system),
  };
}
