/** The types of option values: what is wrong with a value, and what it means. */
import { localeFault, timezoneFault } from './names.ts';
import { words } from './text.ts';

export const TYPES = [
  ...(['string', 'path', 'paths', 'int', 'bool', 'size', 'url', 'list'] as const),
  ...(['timezone', 'locale', 'locales'] as const),
];
export type ValueType = (typeof TYPES)[number];

const BOOLEANS: Record<string, boolean> = {
  1: true,
  yes: true,
  true: true,
  on: true,
  0: false,
  no: false,
  false: false,
  off: false,
};
const UNITS = ['', 'K', 'M', 'G', 'T', 'P'];

export function parseBool(value: string): boolean | undefined {
  const key = value.toLowerCase();
  return Object.hasOwn(BOOLEANS, key) ? BOOLEANS[key] : undefined;
}

export function parseInteger(value: string): number | undefined {
  const number = /^[+-]?\d+$/u.test(value) ? Number(value) : NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

/** Bytes: `512`, `512K`, `64M`, `2G`, `2GiB`; units are powers of 1024. */
export function parseSize(value: string): number | undefined {
  const match = /^(\d+)(?:([KMGTP])(?:iB)?)?$/iu.exec(value);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * 1024 ** UNITS.indexOf((match[2] ?? '').toUpperCase());
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** What a value, or a word of a list, should look like; undefined if it does. An empty value means "not set". */
export function typeFault(type: ValueType, value: string): string | undefined {
  const expect = (good: boolean, what: string) => (good ? undefined : what);
  if (type === 'bool') return expect(parseBool(value) !== undefined, 'Write true or false');
  if (value === '') return undefined;
  if (type === 'int') return expect(parseInteger(value) !== undefined, 'Write a whole number');
  if (type === 'size') return expect(parseSize(value) !== undefined, 'Write a size such as 512M or 2G');
  if (type === 'url') return expect(isUrl(value), 'Write a URL, scheme included');
  if (type === 'timezone') return timezoneFault(value);
  if (type === 'locale' || type === 'locales') return localeFault(value);
  return undefined;
}

function isUrl(value: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//iu.test(value) && URL.canParse(value);
}

/** The paths in a value that must exist. */
export function pathsOf(type: ValueType | undefined, value: string): string[] {
  if (type === 'paths') return words(value);
  return type === 'path' && value !== '' ? [value] : [];
}
