/** The values of a model: lists made from their parts, references resolved. */
import { escapeDollars, interpolate, InterpolationError, type Reference, references } from './interpolate.ts';
import { mergeWords } from './lists.ts';
import { type Definition, type Entry, type Model, winner } from './model.ts';
import { words } from './text.ts';

export interface Evaluator {
  /** The value as written, or as made from the parts of a list. Throws InterpolationError for a bad list. */
  raw(section: string, option: string): string | undefined;
  /** The value with references resolved. Throws InterpolationError. */
  text(section: string, option: string): string | undefined;
}

export function createEvaluator(model: Model): Evaluator {
  const made = new Map<Entry, string>();
  const making = new Set<Entry>();

  const merge = (section: string, option: string, entry: Entry): string => {
    const known = made.get(entry);
    if (known !== undefined) return known;
    if (making.has(entry)) {
      throw new InterpolationError('depth', { section, option }, 'The list refers to itself');
    }
    making.add(entry);
    try {
      const parts = entry.parts.map(({ name, kind, definitions }) => ({
        kind,
        words: words(interpolate(raw, { section, option: name }, definitions.at(-1)!.value)),
      }));
      const value = escapeDollars(mergeWords(parts).join('\n'));
      made.set(entry, value);
      return value;
    } finally {
      making.delete(entry);
    }
  };

  const raw = (section: string, option: string): string | undefined => {
    const found = model.get(section);
    const entry = found?.options.get(option);
    if (entry === undefined) return found?.parts.get(option)?.definitions.at(-1)?.value;
    return entry.definitions.at(-1)?.value ?? merge(section, option, entry);
  };

  const text = (section: string, option: string): string | undefined => {
    const value = raw(section, option);
    return value === undefined ? undefined : interpolate(raw, { section, option }, value);
  };
  return { raw, text };
}

/** Whether an option is, or is made from, something in a private file. */
export function isPrivate(model: Model, section: string, option: string): boolean {
  return isMadeFrom(model, { section, option }, (definition) => definition.private);
}

/** Whether an option is, or refers to, directly or not, a definition of a kind. */
export function isMadeFrom(
  model: Model,
  { section, option }: Reference,
  isOfKind: (definition: Definition, at: Reference) => boolean,
  seen = new Set<string>(),
): boolean {
  const key = JSON.stringify([section, option]);
  if (seen.has(key)) return false;
  seen.add(key);
  const entry = model.get(section)?.options.get(option);
  const own = entry?.definitions.at(-1) ?? (entry === undefined ? winner(model, section, option) : undefined);
  const used = own === undefined ? (entry?.parts ?? []).map((part) => part.definitions.at(-1)!) : [own];
  return used.some(
    (definition) =>
      isOfKind(definition, { section, option }) ||
      references(definition.value, { section, option }).some((to) => isMadeFrom(model, to, isOfKind, seen)),
  );
}

/** The same for the value as written; a list made of parts is never as written. */
export function isRawPrivate(model: Model, section: string, option: string): boolean {
  const own = model.get(section)?.options.get(option)?.definitions.at(-1);
  return own === undefined ? isPrivate(model, section, option) : own.private;
}
