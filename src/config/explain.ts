import { HIDDEN } from './fault.ts';
import { type Definition, entryAt, type Model, type Part } from './model.ts';
import type { Contribution, Effect } from './types.ts';

/** Every line that had a part in the value of an option, in the order in which the files load. */
export function explainOption(model: Model, section: string, option: string): Contribution[] {
  const entry = entryAt(model, section, option);
  if (entry === undefined) return [];
  const fixed = entry.definitions.length > 0;
  const found = [
    ...effects(entry.definitions, 'wins'),
    ...entry.parts.flatMap((part) => effects(part.definitions, fixed ? 'ignored' : partEffect(part))),
  ];
  return found.sort(byOrigin).map(({ definition, effect }) => ({
    where: definition.where,
    option: definition.written,
    value: definition.private ? HIDDEN : definition.value,
    effect,
  }));
}

interface Found {
  definition: Definition;
  effect: Effect;
}

function byOrigin({ definition: a }: Found, { definition: b }: Found): number {
  return a.rank - b.rank || (a.where.line ?? 0) - (b.where.line ?? 0);
}

function partEffect({ kind }: Part): Effect {
  return kind === 'add' ? 'adds' : 'removes';
}

/** All but the last definition of a name are overridden by the next one. */
function effects(definitions: Definition[], last: Effect): Found[] {
  return definitions.map((definition, index) => ({
    definition,
    effect: index === definitions.length - 1 || last === 'ignored' ? last : 'overridden',
  }));
}
