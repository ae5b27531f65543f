/**
 * Names that systems know: time zones (tzdata), locales (the C library's SUPPORTED), keyboard layouts and their variants
 * (xkeyboard-config). They are the same for all distributions but for the newest ones.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nearest } from './nearest.ts';

const FILES = {
  timezones: join(import.meta.dirname, 'names/timezones.txt'),
  locales: join(import.meta.dirname, 'names/locales.txt'),
  keyboards: join(import.meta.dirname, 'names/keyboards.txt'),
};

function lines(file: keyof typeof FILES): string[] {
  return readFileSync(FILES[file], 'utf8').trim().split('\n');
}

/** What was probably meant, or else what is wanted. */
function suggestion(name: string, known: Iterable<string>, otherwise: string): string {
  const meant = nearest(name, known);
  return meant === undefined ? otherwise : `Did you mean ${meant}?`;
}

/** What to do about a time zone that nobody knows; undefined if it is one. */
export function timezoneFault(name: string): string | undefined {
  const known = lines('timezones');
  return known.includes(name)
    ? undefined
    : suggestion(
        name,
        known,
        'Write a time zone such as Europe/Berlin; `timedatectl list-timezones` has all',
      );
}

/** `es_MX.UTF-8@x` -> language and region, codeset as the C library compares it, modifier. */
function localeParts(name: string): [base: string, codeset: string, modifier: string] {
  const [, base = name, codeset = '', modifier = ''] = /^([^.@]+)(\.[^@]+)?(@.+)?$/u.exec(name) ?? [];
  return [base, codeset.toLowerCase().replaceAll(/[^a-z0-9]/gu, ''), modifier];
}

/** The same for a locale. */
export function localeFault(name: string): string | undefined {
  if (name === 'C' || name === 'POSIX') return undefined;
  const [base, codeset, modifier] = localeParts(name);
  const entries = lines('locales').map((line) => line.split(' ') as [string, string]);
  const isKnown = entries.some(([entry, charset]) => {
    const [entryBase, , entryModifier] = localeParts(entry);
    if (codeset === '') return entry === name;
    return base === entryBase && modifier === entryModifier && codeset === localeParts(`x.${charset}`)[1];
  });
  if (isKnown) return undefined;
  const spelt = entries.map(([entry, charset]) => {
    const [entryBase, , entryModifier] = localeParts(entry);
    return `${entryBase}.${charset}${entryModifier}`;
  });
  return suggestion(
    name,
    spelt,
    'Write a locale such as de_DE.UTF-8; `locale -a` on a running system has some',
  );
}

/**
 * Keyboard layouts, several with commas between them, and as many variants, which may be empty. `option` tells which of
 * the two is wrong.
 */
export function keyboardFault(
  layouts: string,
  variants: string,
): { option: 'layout' | 'variant'; text: string; hint: string } | undefined {
  const known = new Map(lines('keyboards').map((line) => [line.split(' ')[0]!, line.split(' ').slice(1)]));
  const wanted = layouts.split(',');
  for (const layout of wanted) {
    if (known.has(layout)) continue;
    const hint = suggestion(layout, known.keys(), `Known: ${[...known.keys()].join(' ')}`);
    return { option: 'layout', text: layout, hint };
  }
  const given = variants === '' ? [] : variants.split(',');
  if (given.length > wanted.length) {
    return {
      option: 'variant',
      text: variants,
      hint: `Write at most one for each of the layouts ${layouts}`,
    };
  }
  for (const [index, variant] of given.entries()) {
    const possible = known.get(wanted[index]!)!;
    if (variant === '' || possible.includes(variant)) continue;
    const all = possible.length === 0 ? 'It has none' : `It has: ${possible.join(' ')}`;
    const hint = `${suggestion(variant, possible, `The layout ${wanted[index]!} has no such variant`)} ${all}`;
    return { option: 'variant', text: variant, hint };
  }
  return undefined;
}
