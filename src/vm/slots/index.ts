/** The kinds of slots that images have. */
import { ROOT_PART } from '../../disk/gpt-slots.ts';
import { findArtifact, type Image } from '../image.ts';
import { espSlotKind } from './esp.ts';
import { gptSlotKind } from './gpt.ts';
import type { SlotKind } from './types.ts';

export type { SlotKind, SlotsFound } from './types.ts';

/** A root image of its own is for slots that are partitions. */
export function slotKindOf(image: Image): SlotKind {
  return findArtifact(image, ROOT_PART) === undefined ? espSlotKind : gptSlotKind;
}

/** All parts of any kind. */
export const PART_NAMES = [...espSlotKind.parts, ...gptSlotKind.parts] as [string, ...string[]];
