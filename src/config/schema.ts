/**
 * `config/schema.ini`: which options there are and what they may hold. In a section (whose name may be a pattern
 * such as `flatpak-remote-*`) stand
 *     OPTION_type = string | path | paths | int | bool | size | url | list | timezone | locale | locales
 *     OPTION_values = the words it may be
 *     OPTION_required = true
 *     OPTION_example = a value, for the documentation
 * Two sections are about the workspace: `[schema] strict = true` refuses whatever is not declared, and
 * `[attributes]` (see attributes.ts).
 *
 * Better than the Endless builder, on purpose:
 * - a line with none of these suffixes is a fault (there it silently checks nothing)
 * - a required option of a section that no file has is told as missing (there it ends in a stack trace)
 * - `_values` holds for each word of a list (there for the joined list)
 */
import type { Where } from '../errors.ts';
import type { Fault } from './fault.ts';
import { matchesGlob } from './glob.ts';
import type { IniFile, IniOption } from './ini.ts';
import { builtInLists } from './lists.ts';
import { words } from './text.ts';
import { parseBool, TYPES, type ValueType } from './values.ts';

export interface Rule {
  section: string;
  option: string;
  where: Where;
  type?: ValueType;
  values?: string[];
  required?: boolean;
  /** For the documentation. */
  example?: string;
}

export interface Schema {
  strict: boolean;
  rules: Rule[];
  faults: Fault[];
}

interface SchemaLine extends IniOption {
  file: string;
}

/** Sections of schema.ini -> options, a later file going over an earlier one. */
export type SchemaText = Map<string, Map<string, SchemaLine>>;

/** The sections of schema.ini that describe the workspace rather than options. */
export function isMeta(section: string): boolean {
  return section === 'schema' || section === 'attributes' || section.startsWith('attributes ');
}

export function overlay(files: IniFile[]): SchemaText {
  const text: SchemaText = new Map();
  for (const { file, sections } of files) {
    for (const [name, { options }] of sections) {
      const section = text.get(name) ?? new Map<string, SchemaLine>();
      for (const [option, line] of options) section.set(option, { ...line, file });
      text.set(name, section);
    }
  }
  return text;
}

export function parseSchema(text: SchemaText): Schema {
  const schema: Schema = { strict: false, rules: [], faults: [] };
  for (const [option, line] of text.get('schema') ?? []) {
    const value = option === 'strict' ? parseBool(line.value) : undefined;
    if (value === undefined) {
      schema.faults.push({
        message: `Bad line in [schema]: ${option}`,
        hint: STRICT_HINT,
        where: place(line),
      });
    } else schema.strict = value;
  }
  for (const [section, options] of text) {
    if (!isMeta(section)) readRules(schema, section, options);
  }
  return schema;
}

const STRICT_HINT = 'The one option there is `strict = true`';

function readRules(schema: Schema, section: string, options: Map<string, SchemaLine>): void {
  const rules = new Map<string, Rule>();
  for (const [key, line] of options) {
    const [, option, suffix] = /^(.+)_(required|values|type|example)$/u.exec(key) ?? [];
    const fault = option === undefined ? noSuffix(section, key) : badValue(section, key, suffix, line.value);
    if (fault !== undefined) schema.faults.push({ ...fault, where: place(line) });
    if (option === undefined || fault !== undefined) continue;
    const rule = rules.get(option) ?? { section, option, where: place(line) };
    if (suffix === 'type') rule.type = line.value as ValueType;
    else if (suffix === 'values') rule.values = words(line.value);
    else if (suffix === 'example') rule.example = line.value;
    else rule.required = line.value.toLowerCase() === 'true';
    rules.set(option, rule);
  }
  schema.rules.push(...rules.values());
}

function noSuffix(section: string, key: string): Fault {
  return {
    message: `Schema key [${section}] ${key} checks nothing`,
    hint: `Write ${key}_type, ${key}_values or ${key}_required`,
  };
}

function badValue(
  section: string,
  key: string,
  suffix: string | undefined,
  value: string,
): Fault | undefined {
  if (suffix !== 'type' || (TYPES as readonly string[]).includes(value)) return undefined;
  return {
    message: `Schema key [${section}] ${key} has invalid value: ${value}`,
    hint: `Types are ${TYPES.join(', ')}`,
  };
}

function place({ file, line }: SchemaLine): Where {
  return { file, line };
}

/** The rules that hold for a section of the configuration. */
export function rulesFor(schema: Schema, section: string): Rule[] {
  return schema.rules.filter((rule) => matchesGlob(rule.section, section));
}

/**
 * The options of a section that are lists: the declared ones and, unless the schema is strict, the built-in ones not
 * declared otherwise.
 */
export function listsOf(schema: Schema, section: string): string[] {
  const rules = rulesFor(schema, section).filter((rule) => rule.type !== undefined);
  const declared = rules.filter((rule) => isListType(rule.type)).map((rule) => rule.option);
  if (schema.strict) return declared;
  const typed = new Set(rules.map((rule) => rule.option));
  return [...new Set([...declared, ...builtInLists(section).filter((option) => !typed.has(option))])];
}

export function isListType(type: ValueType | undefined): boolean {
  return type === 'list' || type === 'paths' || type === 'locales';
}
