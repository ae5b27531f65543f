/** The standard library: text, encodings and digests. */
import { createHash } from 'node:crypto';
import type { Json } from '../types.ts';
import { JsonnetError } from './error.ts';
import { formatText } from './format.ts';
import { fromJson, quoteText } from './manifest.ts';
import { elements, type Library, list, number, text } from './native.ts';
import { character, toText } from './operators.ts';
import { array, arrayOf, force, ready, type Thunk, type Value } from './values.ts';

function texts(values: string[]): Value {
  return arrayOf(values);
}

/** Which characters a strip function takes off: those of a text. */
function strip(value: string, chars: string, left: boolean, right: boolean): string {
  const set = new Set(chars);
  const all = [...value];
  let from = 0;
  let to = all.length;
  while (left && from < to && set.has(all[from]!)) from++;
  while (right && to > from && set.has(all[to - 1]!)) to--;
  return all.slice(from, to).join('');
}

function separator(thunk: Thunk): string {
  const value = text(thunk);
  if (value === '') throw new JsonnetError('The separator is empty');
  return value;
}

function splitLimit(value: string, by: string, limit: number): string[] {
  const parts = value.split(by);
  if (limit < 0 || parts.length <= limit + 1) return parts;
  return [...parts.slice(0, limit), parts.slice(limit).join(by)];
}

function splitLimitRight(value: string, by: string, limit: number): string[] {
  const parts = value.split(by);
  if (limit < 0 || parts.length <= limit + 1) return parts;
  const cut = parts.length - limit;
  return [parts.slice(0, cut).join(by), ...parts.slice(cut)];
}

function parseNumber(value: string, digits: RegExp, radix: number): number {
  const match = digits.exec(value);
  if (match === null) throw new JsonnetError(`${quoteText(value)} is not a number of base ${radix}`);
  return Number.parseInt(value, radix);
}

function findAll(pattern: string, value: string): number[] {
  const wanted = [...pattern];
  const all = [...value];
  if (wanted.length === 0) return [];
  return all.flatMap((_char, at) => (wanted.every((char, index) => all[at + index] === char) ? at : []));
}

function bytesOf(thunk: Thunk): Buffer {
  const value = force(thunk);
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  return Buffer.from(
    list(thunk).items.map((item) => {
      const byte = number(item);
      if (!Number.isInteger(byte) || byte < 0 || byte > 255) throw new JsonnetError(`${byte} is not a byte`);
      return byte;
    }),
  );
}

function decodeBase64(value: string): Buffer {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value))
    throw new JsonnetError('This is not base64');
  return Buffer.from(value, 'base64');
}

function digest(algorithm: string): (value: Thunk) => string {
  return (value) => createHash(algorithm).update(text(value)).digest('hex');
}

const ASCII_UPPER = (value: string) => value.replace(/[a-z]/g, (char) => char.toUpperCase());
const ASCII_LOWER = (value: string) => value.replace(/[A-Z]/g, (char) => char.toLowerCase());
const XML: Record<string, string> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;', "'": '&apos;' };
const WHITE = ' \t\n\f\r\u0085\u00a0';

export const textLibrary: Library = {
  'toString(a)': (a) => toText(force(a)),
  'codepoint(str)': (str) => {
    const value = text(str);
    if ([...value].length !== 1) throw new JsonnetError('codepoint needs exactly one character');
    return value.codePointAt(0)!;
  },
  'char(n)': (n) => character(number(n)),
  'substr(str, from, len)': (str, from, len) => {
    const start = number(from);
    return [...text(str)].slice(start, start + number(len)).join('');
  },
  'findSubstr(pat, str)': (pat, str) => arrayOf(findAll(text(pat), text(str))),
  'startsWith(a, b)': (a, b) => text(a).startsWith(text(b)),
  'endsWith(a, b)': (a, b) => text(a).endsWith(text(b)),
  'stripChars(str, chars)': (str, chars) => strip(text(str), text(chars), true, true),
  'lstripChars(str, chars)': (str, chars) => strip(text(str), text(chars), true, false),
  'rstripChars(str, chars)': (str, chars) => strip(text(str), text(chars), false, true),
  'trim(str)': (str) => strip(text(str), WHITE, true, true),
  'split(str, c)': (str, c) => texts(text(str).split(separator(c))),
  'splitLimit(str, c, maxsplits)': (str, c, max) => texts(splitLimit(text(str), separator(c), number(max))),
  'splitLimitR(str, c, maxsplits)': (str, c, max) =>
    texts(splitLimitRight(text(str), separator(c), number(max))),
  'strReplace(str, from, to)': (str, from, to) => text(str).replaceAll(separator(from), () => text(to)),
  'asciiUpper(str)': (str) => ASCII_UPPER(text(str)),
  'asciiLower(str)': (str) => ASCII_LOWER(text(str)),
  'equalsIgnoreCase(str1, str2)': (a, b) => ASCII_LOWER(text(a)) === ASCII_LOWER(text(b)),
  'stringChars(str)': (str) => texts([...text(str)]),
  'format(str, vals)': (str, vals) => formatText(text(str), force(vals)),
  'lines(arr)': (arr) =>
    list(arr)
      .items.map((item) => (force(item) === null ? '' : `${text(item)}\n`))
      .join(''),
  'escapeStringJson(str_)': (str) => quoteText(toText(force(str))),
  'escapeStringPython(str)': (str) => quoteText(toText(force(str))),
  'escapeStringBash(str_)': (str) => `'${toText(force(str)).replaceAll("'", `'"'"'`)}'`,
  'escapeStringDollars(str_)': (str) => toText(force(str)).replaceAll('$', '$$$$'),
  'escapeStringXML(str_)': (str) => toText(force(str)).replace(/[<>&"']/g, (char) => XML[char]!),
  'parseInt(str)': (str) => parseNumber(text(str), /^-?[0-9]+$/, 10),
  'parseOctal(str)': (str) => parseNumber(text(str), /^[0-7]+$/, 8),
  'parseHex(str)': (str) => parseNumber(text(str), /^[0-9a-fA-F]+$/, 16),
  'parseJson(str)': (str) => {
    try {
      return fromJson(JSON.parse(text(str)) as Json);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new JsonnetError(`This is not JSON: ${error.message}`);
    }
  },
  'encodeUTF8(str)': (str) => arrayOf([...Buffer.from(text(str), 'utf8')]),
  'decodeUTF8(arr)': (arr) => bytesOf(ready(list(arr))).toString('utf8'),
  'base64(input)': (input) => bytesOf(input).toString('base64'),
  'base64Decode(str)': (str) => decodeBase64(text(str)).toString('utf8'),
  'base64DecodeBytes(str)': (str) => arrayOf([...decodeBase64(text(str))]),
  'md5(s)': digest('md5'),
  'sha1(s)': digest('sha1'),
  'sha256(s)': digest('sha256'),
  'sha512(s)': digest('sha512'),
  'sha3(s)': digest('sha3-512'),
  'reverse(arr)': (arr) => array(elements(arr).toReversed()),
};
