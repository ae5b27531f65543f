/** What a new pattern no longer has, or has differently, and which therefore is removed. */
import type { Flat } from './targets.ts';

export interface Removals {
  /** Removed before the new commands run, and after. */
  before: Flat[];
  after: Flat[];
}

export function diffCommands(previous: readonly Flat[], next: readonly Flat[]): Removals {
  const current = new Map(next.map((flat) => [flat.key, flat.command]));
  const removals: Removals = { before: [], after: [] };
  for (const flat of previous) {
    const command = current.get(flat.key);
    const changed = command !== undefined && command.change !== flat.command.change;
    if (command !== undefined && !(changed && command.changeIgnore !== true)) continue;
    const late = (command ?? flat.command).removeAfter === true;
    removals[late ? 'after' : 'before'].push(flat);
  }
  return removals;
}
