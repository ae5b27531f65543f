/** Releases that are still in the field: a system that no longer fits their machines could not be updated to. */
import { z } from 'zod';
import { OsmithError } from '../errors.ts';
import type { Json } from '../plan/types.ts';
import { mebibytes, partsOf, type Part } from './size-limit.ts';

const bytes = z.int().positive().optional();

export const fleetSchema = z.array(
  z.strictObject({
    /** Of the release. */
    name: z.string(),
    /** Bytes that its machines have for one root file system, and for the boot files. */
    slot: bytes,
    esp: bytes,
  }),
);
export type Fleet = z.infer<typeof fleetSchema>;

/** Bytes that a system takes. */
export interface Need {
  /** Absent: it has no slots that are partitions. */
  slot?: number | undefined;
  esp: number;
}

const WHAT = { slot: 'The root file system', esp: 'What boots it' };
const ROOM = { slot: 'the slot', esp: 'the EFI system partition' };

/** What a step tells of a system that fits, beside its `partsFact`, for `checkFleet` of the next. */
export function needFact({ slot, esp }: Need): Record<string, Json> {
  return { need: { ...(slot !== undefined && { slot }), esp } };
}

/** How much more a part takes than in the last build, as far as that is known. */
function growth(part: string, now: number, before: number | undefined): string[] {
  if (before === undefined || now <= before) return [];
  return [`${part} grew by ${mebibytes(now - before)}`];
}

function growths(need: Need, parts: readonly Part[], before: Record<string, Json>): string[] {
  const old = (before['need'] ?? {}) as Partial<Need>;
  const oldParts = new Map(partsOf(before).map(({ path, size }) => [path, size]));
  return [
    ...(need.slot === undefined ? [] : growth('the root file system', need.slot, old.slot)),
    ...growth('what boots it', need.esp, old.esp),
    ...parts.flatMap(({ path, size }) => growth(path, size, oldParts.get(path))),
  ];
}

/**
 * Throws E_TOO_LARGE for what does not fit one of the releases. `parts`: the largest contents; `before`: facts of the
 * last system that fitted.
 */
export function checkFleet(
  fleet: Fleet,
  need: Need,
  parts: readonly Part[],
  before: Record<string, Json> = {},
): void {
  const tight = fleet.flatMap((release) =>
    (['slot', 'esp'] as const).flatMap((place) => {
      const [room, needed] = [release[place], need[place]];
      if (room === undefined || needed === undefined || needed <= room) return [];
      const have = `${ROOM[place]} of ${release.name} has ${room} (${mebibytes(room)})`;
      return [`${WHAT[place]} needs ${needed} bytes (${mebibytes(needed)}), ${have}`];
    }),
  );
  if (tight.length === 0) return;
  const largest = parts.map((part) => `${part.path} ${mebibytes(part.size)}`).join(', ');
  const grown = growths(need, parts, before).join(', ');
  const more = [largest && `largest: ${largest}`, grown && `since the last build: ${grown}`];
  throw new OsmithError('E_TOO_LARGE', [tight.join('. '), ...more.filter(Boolean)].join('; '), {
    hint: 'Install less, or take the release out of the configuration once no machine runs it: [fleet-NAME]',
  });
}
