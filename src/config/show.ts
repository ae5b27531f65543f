/** The configuration as text for people. What is private is never shown. */
import { relative } from 'node:path';
import type { Where } from '../errors.ts';
import { HIDDEN, placeText } from './fault.ts';
import { formatIni } from './format.ts';
import { words } from './text.ts';
import type { Config, Contribution } from './types.ts';

type Getter = (section: string, option: string) => string;

function table(config: Config, get: Getter): [section: string, options: [option: string, value: string][]][] {
  return config
    .sections()
    .map((section) => [section, config.options(section).map((option) => [option, get(section, option)])]);
}

/** The value as it may be printed. */
export function shownValue(config: Config, section: string, option: string): string {
  return config.isPrivate(section, option) ? HIDDEN : config.get(section, option);
}

/** Merged INI: lists made, references left as written. */
export function showIni(config: Config): string {
  const shown: Getter = (section, option) =>
    config.isRawPrivate(section, option) ? HIDDEN : config.raw(section, option)!;
  return formatIni(table(config, shown));
}

/** Section -> option -> value with references resolved. */
export function toObject(config: Config): Record<string, Record<string, string>> {
  const sections = table(config, (section, option) => shownValue(config, section, option));
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

/** An option that two configurations have different; undefined where one of them does not have it. */
export interface Difference {
  section: string;
  option: string;
  before: string | undefined;
  after: string | undefined;
}

export function differences(config: Config, other: Config): Difference[] {
  const [old, now] = [toObject(config), toObject(other)];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])].flatMap((section) => {
    const options = new Set([...Object.keys(old[section] ?? {}), ...Object.keys(now[section] ?? {})]);
    return [...options]
      .map((option) => ({
        ...{ section, option },
        ...{ before: old[section]?.[option], after: now[section]?.[option] },
      }))
      .filter(({ before, after }) => before !== after);
  });
}

/** The same for people, word by word where values are lists. Empty if nothing is different. */
export function showDifference(config: Config, other: Config): string {
  const bySection = Map.groupBy(differences(config, other), ({ section }) => section);
  return [...bySection]
    .map(([section, found]) => `[${section}]\n${found.flatMap(differenceLines).join('\n')}\n\n`)
    .join('');
}

function differenceLines({ option, before, after }: Difference): string[] {
  const [old, now] = [lines(before), lines(after)];
  const gone = old.filter((line) => !now.includes(line));
  const come = now.filter((line) => !old.includes(line));
  // What differs may be the order alone, or how often a line is there.
  const isOrder = gone.length + come.length === 0;
  return [
    ...(isOrder ? [old.join(' ')] : gone).map((line) => `- ${option} = ${line}`),
    ...(isOrder ? [now.join(' ')] : come).map((line) => `+ ${option} = ${line}`),
  ];
}

function lines(value: string | undefined): string[] {
  return value === undefined ? [] : value.split('\n');
}
