/**
 * Slots as partitions, and the attributes in the partition table that say which one boots: bits 48 to 51 are the
 * priority, 52 to 55 the tries that are left, 56 says that it was successful. The selector (workspace/pkg/selector) boots
 * by them; docs/slots.md has the reasoning.
 */
import {
  formatRecord,
  otherSlot,
  SLOTS,
  type BootEnvironment,
  type Slot,
  type SlotSystem,
} from './boot-slots.ts';

/** Attributes from bit 48 on, as one number. */
export const SLOT_STATE = {
  active: 0x102,
  /** With so many tries. */
  updating: (tries: number) => 0x003 | (tries << 4),
  /** Its tries are used up, and it has not been confirmed. */
  inprogress: 0x003,
  unused: 0,
} as const;

/** Names of the partitions. */
export const SLOT_NAMES: Record<Slot, string> = { a: 'IMGA', b: 'IMGB' };

/** The only part of a system, by the end of its name in a release. */
export const ROOT_PART = 'rootfs.img';

/** What a slot holds is said at its end: what is behind the root image nobody reads. */
export const RECORD_SIZE = 4096;

/** The end of a slot with a complete system, or with another text. */
export function recordBlock(content: SlotSystem | string): Buffer {
  const text = typeof content === 'string' ? content : formatRecord(content);
  if (text.length > RECORD_SIZE) throw new RangeError('the record of a slot exceeds its place');
  const block = Buffer.alloc(RECORD_SIZE);
  block.write(text, 'latin1');
  return block;
}

export interface StateFields {
  priority: number;
  tries: number;
  successful: boolean;
}

export function parseState(state: number): StateFields {
  return { priority: state & 0xf, tries: (state >> 4) & 0xf, successful: (state & 0x100) !== 0 };
}

export type SlotStates = Record<Slot, number>;

/** What the states say, in the words that are shared with GRUB's environment block. */
export function environmentOf(states: SlotStates): BootEnvironment {
  const parsed = { a: parseState(states.a), b: parseState(states.b) };
  const byPriority = [...SLOTS].sort((x, y) => parsed[y].priority - parsed[x].priority);
  const used = byPriority.filter((slot) => parsed[slot].priority > 0);
  const slot =
    used.find((each) => parsed[each].successful) ?? used.find((each) => parsed[each].tries > 0) ?? 'a';
  const other = otherSlot(slot);
  const { priority, tries, successful } = parsed[other];
  if (priority === 0 || successful) return { slot };
  return { slot, ...(tries > 0 && { trial: { slot: other, left: tries } }), unproven: other };
}

export function statesOf({ slot, trial, unproven }: BootEnvironment): SlotStates {
  const other = otherSlot(slot);
  const rest =
    trial?.slot === other
      ? SLOT_STATE.updating(trial.left)
      : unproven === other
        ? SLOT_STATE.inprogress
        : SLOT_STATE.unused;
  return { [slot]: SLOT_STATE.active, [other]: rest } as SlotStates;
}
