/**
 * Where a machine's two systems live, and what says which of them boots. All that an update does is in these words;
 * `esp-slots.ts` and `gpt-slots.ts` say how, and the same tests cut the power of both.
 */
import type { BootEnvironment, Slot, SlotPart, SlotSystem } from '../disk/boot-slots.ts';

/** Where a part of a slot's system is: a file, or a partition. */
export interface PartStore {
  /** For other parts of this program, while it may be used. */
  path: string;
  /** Bytes that are there, of this build or an unfinished one; undefined if there are none. */
  size(): Promise<number | undefined>;
  write(data: Uint8Array, offset: number): Promise<void>;
  /** Forgets what comes behind so many bytes. */
  truncate(size: number): Promise<void>;
  /** Returns when what was written is on the medium. */
  sync(): Promise<void>;
  /** SHA-256 of the first `size` bytes, as they are on the medium; undefined if there are fewer. */
  digest(size: number): Promise<string | undefined>;
  /** Returns when nothing of it is there any more. */
  remove(): Promise<void>;
}

export interface SlotStore {
  environment(): Promise<BootEnvironment>;
  /** The moment that counts: all of it or nothing, on the medium when it returns. Writes only what differs. */
  setEnvironment(environment: BootEnvironment): Promise<void>;
  /** What a slot says that it holds; undefined: it is not complete. */
  system(slot: Slot): Promise<SlotSystem | undefined>;
  part(slot: Slot, name: string): PartStore;
  /** Whether the parts will fit. Throws E_NO_SPACE. */
  checkRoom(slot: Slot, parts: readonly SlotPart[]): Promise<void>;
  /** From here on the slot is not complete. What it has of this very build is kept. */
  open(slot: Slot, system: SlotSystem): Promise<void>;
  /** It is complete. */
  close(slot: Slot, system: SlotSystem): Promise<void>;
}

/** Access to the slots, for the time of one call. */
export interface SlotAccess {
  /** The parts of a system here, by the ends of their names in a release. */
  parts: readonly string[];
  readOnly<T>(use: (slots: SlotStore) => Promise<T>): Promise<T>;
  readWrite<T>(use: (slots: SlotStore) => Promise<T>): Promise<T>;
}
