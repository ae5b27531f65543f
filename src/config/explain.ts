import { HIDDEN } from './fault.ts';
import { type Reference, references } from './interpolate.ts';
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
  const own = found
    .sort(byOrigin)
    .map(({ definition, effect }) => contribution(definition, definition.written, effect));
  return [...own, ...referred(model, { section, option })];
}

function contribution(definition: Definition, option: string, effect: Effect): Contribution {
  const { where, value, private: hidden } = definition;
  return { where, option, value: hidden ? HIDDEN : value, effect };
}

/** What counts of all options that a value refers to, each once. */
function referred(model: Model, from: Reference): Contribution[] {
  const key = ({ section, option }: Reference) => JSON.stringify([section, option]);
  const seen = new Map([[key(from), from]]);
  for (const at of seen.values()) {
    for (const { value, private: hidden } of counting(model, at)) {
      // Its text is a secret, references included.
      if (hidden) continue;
      for (const to of references(value, at)) seen.set(key(to), seen.get(key(to)) ?? to);
    }
  }
  return [...seen.values()].slice(1).flatMap((at) => {
    const section = at.section === from.section ? '' : `${at.section}:`;
    return counting(model, at).map((each) => contribution(each, `${section}${each.written}`, 'referred'));
  });
}

/** The definitions that make the value of an option or of a part of a list. */
function counting(model: Model, { section, option }: Reference): Definition[] {
  const entry = entryAt(model, section, option);
  const own = entry?.definitions.at(-1) ?? model.get(section)?.parts.get(option)?.definitions.at(-1);
  if (own !== undefined) return [own];
  return (entry?.parts ?? []).map((part) => part.definitions.at(-1)!);
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
