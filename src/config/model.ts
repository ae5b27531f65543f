/**
 * All that the files say, in one place: for every option each of its definitions, the last of which counts, and
 * for every list the parts that add to it and take from it.
 *
 * Better than the Endless builder, on purpose:
 * - words of a list come in the order of the files and of the lines in them (there `apps_add` comes after
 *   `apps_add_mandatory` of the same file, wherever it stands)
 * - references to the parts of a list (`${apps_add_defaults}`) work everywhere, not only in other parts
 * - lists may refer to other lists, in any order
 * - `[DEFAULT]` goes into the sections of its own file, as there; but each value keeps its line
 */
import type { Where } from '../errors.ts';
import type { IniFile, IniOption } from './ini.ts';
import type { Layer } from './layers.ts';
import { listPart, partName } from './lists.ts';
import { words } from './text.ts';

export interface Definition {
  value: string;
  where: Where;
  /** The name as written, such as `apps_add`, where the option is `apps_add_defaults`. */
  written: string;
  private: boolean;
  /** Counts the files in the order in which they load; what the builder sets is before all. */
  rank: number;
}

/** Section -> option -> its definitions, first to last. An option keeps the place of its first definition. */
export type Table = Map<string, Map<string, Definition[]>>;

export interface Part {
  name: string;
  kind: 'add' | 'del';
  definitions: Definition[];
}

/** An option without definitions of its own is a list made of its parts. */
export interface Entry {
  definitions: Definition[];
  parts: Part[];
}

export interface Section {
  options: Map<string, Entry>;
  /** Hidden, but may be referred to. */
  parts: Map<string, Part>;
}

export type Model = Map<string, Section>;

export function define(table: Table, section: string, option: string, definition: Definition): void {
  const options = sectionOf(table, section);
  options.set(option, [...(options.get(option) ?? []), definition]);
}

function sectionOf(table: Table, section: string): Map<string, Definition[]> {
  const options = table.get(section) ?? new Map<string, Definition[]>();
  table.set(section, options);
  return options;
}

export interface Source {
  ini: IniFile;
  layer: Layer;
}

/** Puts the options of a file over what is there. */
export function pour(
  table: Table,
  { ini, layer }: Source,
  rank: number,
  lists: (section: string) => string[],
): void {
  for (const [section, { options }] of ini.sections) {
    sectionOf(table, section);
    const own = lists(section);
    const all = new Map<string, IniOption>([...ini.defaults, ...options]);
    for (const [written, { value, line }] of all) {
      const option = partName(written, layer.namespace, own);
      define(table, section, option, {
        value,
        written,
        where: { file: ini.file, line },
        private: layer.private,
        rank,
      });
    }
  }
}

/** Sorts options from parts of lists. Every list of a section exists, if only as an empty one. */
export function toModel(table: Table, lists: (section: string) => string[]): Model {
  return new Map([...table].map(([name, options]) => [name, toSection(options, lists(name))]));
}

function toSection(table: Map<string, Definition[]>, lists: string[]): Section {
  const section: Section = { options: new Map(), parts: new Map() };
  for (const [name, definitions] of table) {
    const part = listPart(name, lists);
    if (part === undefined) entryOf(section, name).definitions = definitions;
    else {
      section.parts.set(name, { name, kind: part.kind, definitions });
      entryOf(section, part.list).parts.push({ name, kind: part.kind, definitions });
    }
  }
  for (const list of lists) entryOf(section, list);
  return section;
}

function entryOf(section: Section, option: string): Entry {
  const entry = section.options.get(option) ?? { definitions: [], parts: [] };
  section.options.set(option, entry);
  return entry;
}

export function entryAt(model: Model, section: string, option: string): Entry | undefined {
  return model.get(section)?.options.get(option);
}

/** The definition that counts; for a list made of parts the latest of those. */
export function winner(model: Model, section: string, option: string): Definition | undefined {
  const entry = entryAt(model, section, option);
  const part = model.get(section)?.parts.get(option);
  return (entry ?? part)?.definitions.at(-1) ?? latest(entry?.parts ?? []);
}

function latest(parts: Part[]): Definition | undefined {
  return parts
    .map((part) => part.definitions.at(-1)!)
    .reduce<Definition | undefined>(
      (found, next) => (found === undefined || next.rank >= found.rank ? next : found),
      undefined,
    );
}

/** The definition that puts a word into a list, as far as it is written there literally. */
export function definitionOfWord(
  model: Model,
  section: string,
  option: string,
  word: string,
): Definition | undefined {
  const parts = entryAt(model, section, option)?.parts.filter(({ kind }) => kind === 'add') ?? [];
  const definitions = parts.map((part) => part.definitions.at(-1)!);
  return definitions.find(({ value }) => words(value).includes(word)) ?? winner(model, section, option);
}
