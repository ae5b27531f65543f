/** What the selector does with a disk, for tests: see workspace/pkg/selector. Compared with the real one in a machine. */
import { SLOTS, type Slot } from '../disk/boot-slots.ts';
import { parseState, SLOT_NAMES, SLOT_STATE } from '../disk/gpt-slots.ts';
import { entriesOf, readGpt, withStates, writeEntries, type RawDisk } from '../disk/gpt-table.ts';

/** Bytes in memory as a disk. */
export function memoryDisk(bytes: Buffer): RawDisk {
  return {
    size: async () => bytes.length,
    read: async (at, length) => Buffer.from(bytes.subarray(at, at + length)),
    write: async (at, data) => void Buffer.from(data).copy(bytes, at),
    sync: async () => {},
  };
}

/** The slot that boots, and whether on trial; the table afterwards is in `bytes`. */
export async function selectSlot(bytes: Buffer): Promise<{ slot: Slot; trial: boolean } | undefined> {
  const disk = memoryDisk(bytes);
  const gpt = await readGpt(disk);
  const candidates = entriesOf(gpt.table)
    .map(({ name, number, state }) => ({
      ...{ slot: SLOTS.find((slot) => SLOT_NAMES[slot] === name), number },
      ...{ ...parseState(state), state },
    }))
    .filter(({ priority, tries, successful }) => priority > 0 && (tries > 0 || successful))
    .sort((a, b) => b.priority - a.priority);
  const [best] = candidates;
  if (best?.slot === undefined) return undefined;
  if (best.tries > 0) {
    const state = best.state - SLOT_STATE.updating(1) + SLOT_STATE.inprogress;
    await writeEntries(disk, gpt, withStates(gpt.table, new Map([[best.number, state]])));
  }
  return { slot: best.slot, trial: best.tries > 0 };
}
