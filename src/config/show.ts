/** The configuration as text for people. What is private is never shown. */
import { relative } from 'node:path';
import type { Where } from '../errors.ts';
import { HIDDEN, placeText } from './fault.ts';
import { formatIni } from './format.ts';
import { words } from './text.ts';
import type { Config, Contribution } from './types.ts';

type Getter = (section: string, option: string) => string;

function masked(config: Config, get: Getter): Getter {
  return (section, option) => (config.isPrivate(section, option) ? HIDDEN : get(section, option));
}

function table(config: Config, get: Getter): [section: string, options: [option: string, value: string][]][] {
  const show = masked(config, get);
  return config
    .sections()
    .map((section) => [section, config.options(section).map((option) => [option, show(section, option)])]);
}

/** The value as it may be printed. */
export function shownValue(config: Config, section: string, option: string): string {
  return masked(config, (...at) => config.get(...at))(section, option);
}

/** Merged INI: lists made, references left as written. */
export function showIni(config: Config): string {
  return formatIni(table(config, (section, option) => config.raw(section, option)!));
}

/** Section -> option -> value with references resolved. */
export function toObject(config: Config): Record<string, Record<string, string>> {
  const sections = table(config, (section, option) => config.get(section, option));
  return Object.fromEntries(sections.map(([section, options]) => [section, Object.fromEntries(options)]));
}

/** The value of an option, and every line that had a part in it. */
export function showExplanation(config: Config, section: string, option: string): string {
  const value = shownValue(config, section, option);
  const rows = config.explain(section, option).map((each) => row(config, each));
  const width = Math.max(0, ...rows.map(({ place }) => place.length));
  const lines = rows.map(
    ({ effect, place, text }) => `  ${effect.padEnd(10)}  ${place.padEnd(width)}  ${text}`,
  );
  return `${formatIni([[section, [[option, value]]]])}${lines.join('\n')}\n`;
}

function row(config: Config, { effect, where, option, value }: Contribution) {
  return {
    effect,
    place: shortPlace(config.workspace, where),
    text: `${option} = ${words(value).join(' ')}`,
  };
}

function shortPlace(workspace: string, where: Where): string {
  const inside = relative(workspace, where.file);
  const isOutside = inside.startsWith('..') || !where.file.startsWith('/');
  return placeText(isOutside ? where : { ...where, file: inside });
}

/** What is different in another configuration, word by word where values are lists. Empty if nothing is. */
export function showDifference(config: Config, other: Config): string {
  const before = toObject(config);
  const after = toObject(other);
  const sections = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...sections]
    .flatMap((section) => {
      const options = new Set([...Object.keys(before[section] ?? {}), ...Object.keys(after[section] ?? {})]);
      const changes = [...options].flatMap((option) =>
        optionDifference(option, before[section]?.[option], after[section]?.[option]),
      );
      return changes.length === 0 ? [] : [`[${section}]`, ...changes, ''];
    })
    .map((line) => `${line}\n`)
    .join('');
}

function optionDifference(option: string, before: string | undefined, after: string | undefined): string[] {
  if (before === after) return [];
  const [old, now] = [lines(before), lines(after)];
  return [
    ...old.filter((line) => !now.includes(line)).map((line) => `- ${option} = ${line}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `+ ${option} = ${line}`),
  ];
}

function lines(value: string | undefined): string[] {
  return value === undefined ? [] : value.split('\n');
}
