/**
 * The configuration of a build as a file that lies next to its artifacts. It can be loaded again, as `config/local.ini`
 * or as the only file of a workspace, and gives the same values. Nothing in it is private or of this machine:
 * - private definitions are left out; a private file that lies beside it when it is loaded goes over it as before
 * - variables of `[build]` that the builder sets, such as paths, are left out, but for the attributes
 * - a list that depends on one of these is written as its public parts, from which it can be made again
 */
import { relative } from 'node:path';
import { createEvaluator, isMadeFrom } from './evaluate.ts';
import { formatIni, isComment } from './format.ts';
import { type Reference, references } from './interpolate.ts';
import type { Layer, LayerRoots } from './layers.ts';
import type { Definition, Entry, Model, Section } from './model.ts';
import type { Attributes } from './types.ts';

type Lines = [option: string, value: string][];

export interface SavedParts {
  model: Model;
  attributes: Attributes;
  /** Names of the public files that were read, without paths of this machine. */
  files: string[];
  /** Options that the command line set. */
  settings: string[];
  /** The section that the builder sets variables in. */
  buildSection: string;
}

/** `name` is the build's; `by` tells the program and its version. */
export function savedIni(
  { model, attributes, files, settings, buildSection }: SavedParts,
  name: string,
  by: string,
): string {
  const written = writtenSections(model, buildSection, Object.keys(attributes));
  addUsedParts(model, written);
  const header = [
    `Configuration of ${name}, saved by ${by}`,
    ...Object.entries(attributes).map(([attribute, value]) => `${attribute} = ${value}`),
    `from ${files.length === 0 ? 'no file' : files.join(' ')}`,
    ...(settings.length === 0 ? [] : [`and --set of ${settings.join(' ')}`]),
    'What is private is not in here. To load it, make it config/local.ini of a workspace.',
  ];
  return `${header.map((line) => `# ${line}\n`).join('')}\n${formatIni([...written])}`;
}

/** What the head of a saved configuration tells of where it came from. */
export function savedHead(text: string): Pick<SavedParts, 'files' | 'settings'> {
  const words = (pattern: RegExp) => pattern.exec(text)?.[1]?.split(' ') ?? [];
  return { files: words(/^# from (?!no file$)(.*)$/m), settings: words(/^# and --set of (.*)$/m) };
}

function writtenSections(model: Model, buildSection: string, attributes: string[]): Map<string, Lines> {
  const evaluator = createEvaluator(model);
  const isBuilders = ({ rank }: Definition, { section, option }: Reference) =>
    rank < 0 && section === buildSection && !attributes.includes(option);
  const isUnsaved = (definition: Definition, at: Reference) =>
    definition.private || isBuilders(definition, at);
  const written = new Map<string, Lines>();
  for (const [name, section] of model) {
    if (!isPublicSection(section)) continue;
    const lines = [...section.options].flatMap(([option, entry]): Lines => {
      const own = entry.definitions.filter((definition) => !definition.private).at(-1);
      const at = { section: name, option };
      if (own !== undefined) return isBuilders(own, at) ? [] : [[option, own.value]];
      if (entry.definitions.length > 0 || isMadeFrom(model, at, isUnsaved)) return publicParts(entry);
      const value = evaluator.raw(name, option)!;
      return isComment(value) ? publicParts(entry) : [[option, value]];
    });
    written.set(name, lines);
  }
  return written;
}

/** Whether any of it, or nothing at all, is in a public file. */
function isPublicSection({ options, parts }: Section): boolean {
  const definitions = [...options.values(), ...parts.values()].flatMap((each) => each.definitions);
  return definitions.length === 0 || definitions.some((definition) => !definition.private);
}

function publicParts({ parts }: Entry): Lines {
  return parts.flatMap(({ name, definitions }): Lines => {
    const value = definitions.filter((definition) => !definition.private).at(-1)?.value;
    return value === undefined ? [] : [[name, value]];
  });
}

/** A list written as a whole has lost its parts: those that another value refers to are written too. */
function addUsedParts(model: Model, written: Map<string, Lines>): void {
  const values = [
    ...[...written].flatMap(([section, lines]) => lines.map(([option, value]) => at(section, option, value))),
    ...privateValues(model),
  ];
  for (const { value, ...from } of values) {
    for (const { section, option } of references(value, from)) {
      const lines = written.get(section);
      const part = model.get(section)?.parts.get(option);
      const definition = part?.definitions.filter((each) => !each.private).at(-1);
      if (definition === undefined || lines === undefined || lines.some(([known]) => known === option))
        continue;
      lines.push([option, definition.value]);
      values.push(at(section, option, definition.value));
    }
  }
}

function at(section: string, option: string, value: string) {
  return { section, option, value };
}

/** Private files that are loaded beside the saved one may refer to parts too. */
function privateValues(model: Model) {
  return [...model].flatMap(([section, { options, parts }]) =>
    [...options, ...parts].flatMap(([option, { definitions }]) =>
      definitions.filter((each) => each.private).map(({ value }) => at(section, option, value)),
    ),
  );
}

/** A file of the configuration by a name that is the same on every machine. */
export function portableName({ file }: Layer, { workspace, localdir, systemDir }: LayerRoots): string {
  const inside = (root: string) => {
    const path = relative(root, file);
    return path.startsWith('..') ? undefined : path;
  };
  const own = inside(workspace);
  if (own !== undefined) return own;
  const local = localdir === undefined ? undefined : inside(localdir);
  return local === undefined ? `system:${inside(systemDir)}` : `localdir:${local}`;
}
