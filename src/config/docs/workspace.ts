/** What the files of a workspace say about its options, for the documentation. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attributeOrder } from '../attributes.ts';
import { parseIni } from '../ini.ts';
import { listPart, mergeWords } from '../lists.ts';
import { isListType, overlay, parseSchema, type Rule } from '../schema.ts';
import { words } from '../text.ts';
import { type Comments, readComments } from './comments.ts';
import type { OptionFacts, WorkspaceFacts } from './pages.ts';

interface File {
  /** In the workspace. */
  name: string;
  options: Map<string, Map<string, string>>;
  comments: Comments;
}

export function workspaceFacts(workspace: string): WorkspaceFacts {
  const read = (name: string) => readFile(workspace, name);
  const [schemaFile, defaults] = [read('config/schema.ini'), read('config/defaults.ini')];
  const text = overlay([parseIni(readFileSync(join(workspace, schemaFile.name), 'utf8'), schemaFile.name)]);
  const names = globSync('config/*/*.ini', { cwd: workspace }).sort();
  const others = names.map(read);
  return {
    schema: parseSchema(text),
    attributes: attributeOrder(text),
    sections: new Map([...defaults.comments.sections, ...schemaFile.comments.sections]),
    option: (rule) => optionFacts(rule, schemaFile, defaults, others),
  };
}

function readFile(workspace: string, name: string): File {
  const text = readFileSync(join(workspace, name), 'utf8');
  const sections = [...parseIni(text, name).sections].map(([section, { options }]) => {
    const values = [...options].map(([option, { value }]): [string, string] => [option, value]);
    return [section, new Map(values)] as const;
  });
  return { name, options: new Map(sections), comments: readComments(text) };
}

function optionFacts(rule: Rule, schema: File, defaults: File, others: File[]): OptionFacts {
  const about = [
    ...commentsOn(rule, defaults, namesIn(rule, defaults)),
    ...commentsOn(rule, schema, schemaNames(rule)),
  ];
  return {
    about: about[0],
    value: valueIn(rule, defaults),
    files: others.filter((file) => namesIn(rule, file).length > 0).map(({ name }) => name),
  };
}

/** The names under which a file sets an option or adds to it. */
function namesIn({ section, option, type }: Rule, file: File): string[] {
  const names = [...(file.options.get(section)?.keys() ?? [])];
  const lists = isListType(type) ? [option] : [];
  return names.filter((name) => name === option || listPart(name, lists) !== undefined);
}

function schemaNames({ option }: Rule): string[] {
  return ['type', 'values', 'required', 'example'].map((suffix) => `${option}_${suffix}`);
}

function commentsOn({ section }: Rule, { comments }: File, names: string[]): string[] {
  return names.flatMap((name) => comments.options.get(section)?.get(name) ?? []);
}

function valueIn(rule: Rule, file: File): string | undefined {
  const names = namesIn(rule, file);
  const options = file.options.get(rule.section);
  if (names.length === 0 || names.includes(rule.option)) return options?.get(rule.option);
  const parts = names.map((name) => ({
    kind: listPart(name, [rule.option])!.kind,
    words: words(options!.get(name)!),
  }));
  return mergeWords(parts).join('\n');
}
