/** A page for each section of a workspace's schema: every option with its type, default and an example. */
import { VARIABLES } from '../builtin.ts';
import { variableName } from '../env.ts';
import { formatIni } from '../format.ts';
import { isListType, type Rule, type Schema } from '../schema.ts';
import { words } from '../text.ts';
import { example } from './example.ts';

/** What the files of a workspace say about an option. */
export interface OptionFacts {
  /** The comment above it. */
  about: string | undefined;
  /** Its value in defaults.ini, undefined if it is not there. */
  value: string | undefined;
  /** Further files that set it or add to it, by their paths in the workspace. */
  files: string[];
}

export interface WorkspaceFacts {
  schema: Schema;
  attributes: string[];
  /** By section: the comment above its header. */
  sections: Map<string, string>;
  option: (rule: Rule) => OptionFacts;
}

export interface Page {
  /** File name. */
  name: string;
  text: string;
}

/** One page per section, and an index. */
export function optionPages(facts: WorkspaceFacts): Page[] {
  const bySection = Map.groupBy(facts.schema.rules, (rule) => rule.section);
  const pages = [...bySection].map(([section, rules]) => ({
    name: pageName(section),
    text: sectionPage(facts, section, rules),
  }));
  return [{ name: 'README.md', text: indexPage(facts, [...bySection.keys()]) }, ...pages];
}

function pageName(section: string): string {
  return `${section.replaceAll('*', 'NAME')}.md`;
}

const MADE = 'Made from `workspace/config/schema.ini` and `defaults.ini` by `make docs`; do not edit.';

function indexPage({ sections }: WorkspaceFacts, names: string[]): string {
  const rows = names.map((name) => `| [\`[${name}]\`](${pageName(name)}) | ${sections.get(name) ?? ''} |`);
  return [
    '# Which options are there?',
    'Every option of the shipped workspace, section by section. How to set them is in [configuration](../configuration.md).',
    ['| section | |', '| --- | --- |', ...rows].join('\n'),
    MADE,
    '',
  ].join('\n\n');
}

function sectionPage(facts: WorkspaceFacts, section: string, rules: Rule[]): string {
  const isBuilders = ({ option }: Rule) =>
    section === 'build' && (Object.hasOwn(VARIABLES, option) || facts.attributes.includes(option));
  const options = rules
    .filter((rule) => !isBuilders(rule))
    .map((rule) => optionText(rule, facts.option(rule)));
  return [
    `# \`[${section}]\``,
    facts.sections.get(section) ?? '',
    ...options,
    ...(section === 'build' ? [variablesText(facts)] : []),
    MADE,
    '',
  ].join('\n\n');
}

function optionText(rule: Rule, { about, value, files }: OptionFacts): string {
  const { section, option, required } = rule;
  const own = files.map((file) => `\`${file}\``).join(', ');
  const lines = [
    `${typeText(rule)}${required === true ? '; required' : ''}`,
    `default: ${defaultText(rule, value)}`,
    ...(own === '' ? [] : [`also in ${own}`]),
    `for hooks: \`$${variableName('OSMITH', section, option)}\``,
  ];
  return [
    `## ${option}`,
    about ?? '',
    lines.map((line) => `- ${line}`).join('\n'),
    code(formatIni([[section.replaceAll('*', 'NAME'), [example(rule, value)]]])),
  ].join('\n\n');
}

function code(ini: string): string {
  return `\`\`\`ini\n${ini.trimEnd()}\n\`\`\``;
}

const TYPE_NAMES = {
  string: 'text',
  path: 'a file; a relative path starts at the workspace',
  paths: 'list of files; relative paths start at the workspace',
  int: 'whole number',
  bool: '`true` or `false`',
  size: 'size, such as `512M` or `2G`',
  url: 'URL',
  list: 'list: `NAME_add` and `NAME_del` of all files count',
  timezone: 'time zone',
  locale: 'locale',
  locales: 'list of locales: `NAME_add` and `NAME_del` of all files count',
};

function typeText({ type, values, option }: Rule): string {
  const name = TYPE_NAMES[type ?? 'string'].replaceAll('NAME', option);
  if (values === undefined) return name;
  const allowed = values.map((value) => `\`${value}\``).join(' ');
  return isListType(type) ? `${name}; of ${allowed}` : `one of ${allowed}`;
}

function defaultText({ type }: Rule, value: string | undefined): string {
  if (value === undefined) return 'not set';
  if (value === '') return 'empty';
  return (isListType(type) ? words(value) : [value]).map((word) => `\`${word}\``).join(' ');
}

function variablesText({ attributes }: WorkspaceFacts): string {
  const rows = [
    ...attributes.map((name) => `| \`${name}\` | The attribute; chosen on the command line |`),
    ...Object.entries(VARIABLES).map(([name, about]) => `| \`${name}\` | ${about} |`),
  ];
  return [
    '## Variables that are always there',
    'Osmith sets them before it reads any file. Refer to them as `${build:NAME}`.',
    ['| variable | |', '| --- | --- |', ...rows].join('\n'),
  ].join('\n\n');
}
