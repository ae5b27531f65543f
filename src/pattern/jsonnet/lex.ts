/** Text to tokens. */
import { JsonnetError, type Place } from './error.ts';

export interface Token {
  kind: 'name' | 'keyword' | 'number' | 'string' | 'operator' | 'end';
  /** Name, keyword or operator as written; the value of a string. */
  text: string;
  value: number;
  at: Place;
}

const KEYWORDS = new Set(
  (
    'assert else error false for function if import importstr importbin in local null self super ' +
    'tailstrict then true'
  ).split(' '),
);

const SPACE = /(?:[ \t\r\n]+|\/\/[^\n]*|#[^\n]*|\/\*[^]*?\*\/)+/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PUNCTUATION = /[{}[\],.();]/y;
const OPERATOR = /[!$:~+\-&|^=<>*/%]+/y;
const QUOTED = /"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'/y;
const VERBATIM = /@"(?:[^"]|"")*"|@'(?:[^']|'')*'/y;
const BLOCK = /\|\|\|(-?)[ \t]*\r?\n/y;

const ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

export function lex(text: string, file: string): Token[] {
  const tokens: Token[] = [];
  const lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  let line = 0;
  let offset = 0;

  const place = (): Place => {
    while (line + 1 < lineStarts.length && lineStarts[line + 1]! <= offset) line++;
    return { file, line: line + 1, column: offset - lineStarts[line]! + 1 };
  };
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = offset;
    return pattern.exec(text);
  };
  const add = (kind: Token['kind'], length: number, value: string, number = 0): void => {
    tokens.push({ kind, text: value, value: number, at: place() });
    offset += length;
  };

  while (offset < text.length) {
    const space = take(SPACE)?.[0];
    if (space !== undefined) {
      offset += space.length;
      continue;
    }
    const at = place();
    const name = take(NAME)?.[0];
    if (name !== undefined) {
      add(KEYWORDS.has(name) ? 'keyword' : 'name', name.length, name);
      continue;
    }
    const number = take(NUMBER)?.[0];
    if (number !== undefined) {
      if (/[A-Za-z0-9_]/.test(text[offset + number.length] ?? ' '))
        throw new JsonnetError('This number is malformed', at);
      if (!Number.isFinite(Number(number))) throw new JsonnetError('This number is too large', at);
      add('number', number.length, number, Number(number));
      continue;
    }
    const verbatim = take(VERBATIM)?.[0];
    if (verbatim !== undefined) {
      const quote = verbatim[1]!;
      add('string', verbatim.length, verbatim.slice(2, -1).replaceAll(quote + quote, quote));
      continue;
    }
    const quoted = take(QUOTED)?.[0];
    if (quoted !== undefined) {
      add('string', quoted.length, unescape(quoted.slice(1, -1), at));
      continue;
    }
    const block = take(BLOCK);
    if (block !== null) {
      const { value, length } = textBlock(text.slice(offset + block[0].length), at);
      add('string', block[0].length + length, block[1] === '-' ? value.replace(/\n$/, '') : value);
      continue;
    }
    const symbol = take(PUNCTUATION)?.[0] ?? operator(take(OPERATOR)?.[0]);
    if (symbol !== undefined) {
      add('operator', symbol.length, symbol);
      continue;
    }
    throw new JsonnetError(complaint(text.slice(offset)), at);
  }
  add('end', 0, 'the end of the file');
  return tokens;
}

function complaint(rest: string): string {
  if (/^@?["']/.test(rest)) return 'This string does not end';
  if (rest.startsWith('/*')) return 'This comment does not end';
  if (rest.startsWith('|||')) return 'A text block must begin on the line after |||';
  return `Unexpected character ${JSON.stringify(String.fromCodePoint(rest.codePointAt(0)!))}`;
}

/** Operators are as long as possible, but end before comments and before a prefix of what follows. */
function operator(run: string | undefined): string | undefined {
  if (run === undefined) return undefined;
  let symbol = run;
  const stop = symbol.slice(1).search(/\/\/|\/\*|\|\|\|/);
  if (stop >= 0) symbol = symbol.slice(0, stop + 1);
  if (/^(?:\/\*|\|\|\|)/.test(symbol)) return undefined;
  while (symbol.length > 1 && /[+\-~!$]$/.test(symbol)) symbol = symbol.slice(0, -1);
  return symbol;
}

function unescape(text: string, at: Place): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|[^])/g, (all, code: string) => {
    if (code.length > 1) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/["'\\/]/.test(code)) return code;
    const value = ESCAPES[code];
    if (value === undefined) throw new JsonnetError(`Unknown escape sequence ${all}`, at);
    return value;
  });
}

/** What follows `|||` up to the closing one; the white space of the first line goes from all lines. */
function textBlock(rest: string, at: Place): { value: string; length: number } {
  const lines = rest.split('\n');
  const indent = /^[ \t]*/.exec(lines.find((line) => line.trim() !== '') ?? '')![0];
  if (indent === '') throw new JsonnetError('The first line of a text block must be indented', at);
  let value = '';
  let length = 0;
  for (const line of lines) {
    if (line.startsWith(indent)) value += `${line.slice(indent.length)}\n`;
    else if (line.trim() === '') value += '\n';
    else {
      const end = /^[ \t]*\|\|\|/.exec(line)?.[0];
      if (end === undefined) break;
      return { value, length: length + end.length };
    }
    length += line.length + 1;
  }
  throw new JsonnetError('This text block does not end with ||| on a line of its own', at);
}
