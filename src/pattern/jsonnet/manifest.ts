/** Values to JSON: as data, and as text in the shapes that Jsonnet programs ask for. */
import type { Json } from '../types.ts';
import { JsonnetError } from './error.ts';
import {
  array,
  checkAsserts,
  compareText,
  fieldNames,
  force,
  getField,
  ready,
  record,
  type Value,
} from './values.ts';

/** A value as JSON. Functions have none. */
export function toJson(value: Value): Json {
  if (value === null || typeof value !== 'object') return value;
  if (value.kind === 'function') throw new JsonnetError('A function is no JSON value');
  if (value.kind === 'array') return value.items.map((item) => toJson(force(item)));
  checkAsserts(value);
  // Not by assignment: `__proto__` is a name like any other.
  return Object.fromEntries(fieldNames(value).map((name) => [name, toJson(getField(value, name))]));
}

export function fromJson(json: Json): Value {
  if (json === null || typeof json !== 'object') return json;
  if (Array.isArray(json)) return array(json.map((item) => ready(fromJson(item))));
  return record(Object.entries(json).map(([name, item]) => [name, ready(fromJson(item))] as const));
}

/** Like C's `%.17g`: enough digits to tell any two numbers apart. */
export function showNumber(value: number): string {
  if (Number.isInteger(value)) return Object.is(value, -0) ? '-0' : BigInt(value).toString();
  const [digits = '', exponent = '0'] = value.toExponential(16).split('e');
  const power = Number(exponent);
  const trim = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (power >= -4 && power < 17) return trim(value.toFixed(Math.min(100, Math.max(0, 16 - power))));
  return `${trim(digits)}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

export interface Layout {
  /** Of one level; undefined: all on one line. */
  indent: string | undefined;
  newline: string;
  colon: string;
  comma: string;
  /** What stands between the brackets of something empty. */
  empty: (level: string) => string;
}

const ONE_LINE: Layout = {
  ...{ indent: undefined, newline: '', colon: ': ', comma: ', ' },
  empty: () => ' ',
};

/** As `toString` gives it. */
export function showValue(value: Value): string {
  return showJson(toJson(value), ONE_LINE);
}

/** JSON does not escape these, Jsonnet does. */
export function quoteText(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\u009f]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

export function showJson(json: Json, layout: Layout, level = ''): string {
  if (json === null || typeof json === 'boolean') return String(json);
  if (typeof json === 'number') return showNumber(json);
  if (typeof json === 'string') return quoteText(json);
  const inner = layout.indent === undefined ? '' : level + layout.indent;
  const outer = layout.indent === undefined ? '' : level;
  const wrap = (open: string, items: string[], close: string) =>
    `${open}${layout.newline}${items.map((item) => inner + item).join(layout.comma + layout.newline)}${layout.newline}${outer}${close}`;
  if (Array.isArray(json)) {
    if (json.length === 0) return `[${layout.empty(outer)}]`;
    return wrap(
      '[',
      json.map((item) => showJson(item, layout, inner)),
      ']',
    );
  }
  // JavaScript puts names that look like numbers first.
  const entries = Object.entries(json).sort(([a], [b]) => compareText(a, b));
  if (entries.length === 0) return `{${layout.empty(outer)}}`;
  return wrap(
    '{',
    entries.map(([name, item]) => `${quoteText(name)}${layout.colon}${showJson(item, layout, inner)}`),
    '}',
  );
}
