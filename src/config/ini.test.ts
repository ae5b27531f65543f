import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { createEvaluator, type Evaluator } from './evaluate.ts';
import { formatIni } from './format.ts';
import { parseIni, type IniFile } from './ini.ts';
import type { InterpolationError } from './interpolate.ts';
import { dollarFault } from './interpolate.ts';
import { pour, type Table, toModel } from './model.ts';

// Everything here is held against Python's configparser: one Python process answers all cases.

type Named<T> = [string, T][];
interface FileAnswer {
  sections?: Named<Named<string>>;
  error?: string;
  lines?: number[];
}
interface Answer {
  files: FileAnswer[];
  poured: { values?: Named<Named<{ value?: string; error?: string }>>; text?: string; error?: string } | null;
}

const hasPython = spawnSync('python3', ['--version']).status === 0;
const python = hasPython ? spawn('python3', [join(import.meta.dirname, 'oracle.py')]) : undefined;
const answers = python && createInterface({ input: python.stdout })[Symbol.asyncIterator]();
afterAll(async () => {
  if (python === undefined) return;
  python.stdin.end();
  await once(python, 'close');
});

async function ask(files: string[]): Promise<Answer> {
  const request = files.map((text) => Buffer.from(text).toString('base64'));
  python!.stdin.write(`${JSON.stringify(request)}\n`);
  return JSON.parse((await answers!.next()).value as string) as Answer;
}

function parsed(ini: IniFile): Named<Named<string>> {
  return [...ini.sections].map(([name, { options }]) => [
    name,
    [...new Map([...ini.defaults, ...options])].map(([option, { value }]) => [option, value]),
  ]);
}

const LAYER = { file: '', namespace: 'x', private: false, attributes: [] };

function pourAll(files: IniFile[]): { evaluator: Evaluator; table: Table } {
  const table: Table = new Map();
  files.forEach((ini, rank) => pour(table, { ini, layer: LAYER }, rank, () => []));
  return { table, evaluator: createEvaluator(toModel(table, () => [])) };
}

const ERRORS = {
  missing: 'InterpolationMissingOptionError',
  syntax: 'InterpolationSyntaxError',
  depth: 'InterpolationDepthError',
};

function read(evaluator: Evaluator, section: string, option: string): { value?: string; error?: string } {
  try {
    return { value: evaluator.text(section, option)! };
  } catch (error) {
    return { error: ERRORS[(error as InterpolationError).kind] };
  }
}

async function compare(texts: string[]): Promise<void> {
  const expected = await ask(texts);
  const files = texts.map((text) => parseIni(text, 'file'));
  files.forEach((ini, index) => compareFile(ini, expected.files[index]!));
  if (expected.poured === null) return;
  const bad = files.some((ini) =>
    parsed(ini).some(([, options]) => options.some(([, value]) => dollarFault(value) !== undefined)),
  );
  expect(bad).toBe(expected.poured.error === 'ValueError');
  if (bad) return;
  const { evaluator, table } = pourAll(files);
  const values = [...table].map(([section, options]) => [
    section,
    [...options.keys()].map((option) => [option, read(evaluator, section, option)]),
  ]);
  expect(values).toEqual(expected.poured.values);
  const raw = [...table].map(([section, options]): [string, [string, string][]] => [
    section,
    [...options].map(([option, definitions]) => [option, definitions.at(-1)!.value]),
  ]);
  expect(formatIni(raw)).toBe(expected.poured.text);
}

function compareFile(ini: IniFile, expected: FileAnswer): void {
  const lines = ini.faults.map((fault) => fault.where!.line!);
  if (expected.error === undefined) {
    expect(lines).toEqual([]);
    expect(parsed(ini)).toEqual(expected.sections);
  } else if (expected.error === 'ParsingError') {
    expect(lines).toEqual(expected.lines);
  } else {
    // Python stops at the first of these; we go on.
    expect(lines).toEqual(expect.arrayContaining(expected.lines!));
  }
}

const space = fc.string({
  unit: fc.constantFrom(' ', '\t', '\x0b', '\x1c', '\x85', '\xa0', '\u3000'),
  maxLength: 3,
});
const sectionName = fc.constantFrom('a', 'b', 'A', 'two words', 'DEFAULT', 'x]y', ' a ', 'é');
const optionName = fc.constantFrom('x', 'y', 'Z', 'z', 'long name', 'apps_add', '[odd', '', 'É');
const reference = fc
  .tuple(fc.constantFrom('', 'a:', 'b:', 'no:', ':', 'a:b:', 'DEFAULT:'), optionName)
  .map(([section, option]) => `\${${section}${option}}`);
const piece = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('v', 'w 1', '#', '; c', '=', ':', '%', '%(x)s', '[a]', '\ufeff', '\u2028'),
  },
  { weight: 4, arbitrary: reference },
  { weight: 2, arbitrary: fc.constantFrom('$$', '$${x}', '${$$}', '${x$$}') },
  { weight: 1, arbitrary: fc.constantFrom('$', '${', '${}', '$x', '$$$') },
  { weight: 2, arbitrary: space },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'binary', maxLength: 5 }).map((text) => text.replaceAll(/[\r\n]/g, '')),
  },
);
const value = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''));
const optionLine = fc
  .tuple(optionName, space, fc.constantFrom('=', ':'), space, value)
  .map((parts) => parts.join(''));
const line = fc.oneof(
  { weight: 8, arbitrary: optionLine },
  { weight: 3, arbitrary: sectionName.map((name) => `[${name}]`) },
  { weight: 3, arbitrary: fc.tuple(space, value).map(([indent, text]) => ` ${indent}${text}`) },
  { weight: 1, arbitrary: fc.tuple(space, optionLine).map((parts) => parts.join('')) },
  { weight: 2, arbitrary: space },
  { weight: 1, arbitrary: fc.tuple(space, fc.constantFrom('#', ';'), value).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: value },
);
const newline = fc.oneof({ weight: 9, arbitrary: fc.constant('\n') }, fc.constantFrom('\r\n', '\r'));
const wild = fc.array(fc.tuple(line, newline), { maxLength: 12 }).map((lines) => lines.flat().join(''));

// Mostly correct files, so that what comes after parsing is reached often.
const body = fc.uniqueArray(fc.tuple(fc.constantFrom('w', 'x', 'y', 'z', 'long name'), value), {
  selector: ([name]) => name,
  maxLength: 5,
});
const tame = fc
  .uniqueArray(fc.tuple(sectionName, body), { selector: ([name]) => name, maxLength: 4 })
  .map((sections) => formatIni(sections));

describe.skipIf(!hasPython)('the INI dialect of Python', () => {
  it('reads any text as Python does', async () => {
    await fc.assert(
      fc.asyncProperty(wild, async (text) => compare([text])),
      { numRuns: 3000 },
    );
  });

  it('lays files over each other and resolves references as Python does', async () => {
    await fc.assert(fc.asyncProperty(fc.array(tame, { minLength: 1, maxLength: 3 }), compare), {
      numRuns: 3000,
    });
  });

  const chain = (length: number) =>
    `[a]\n${Array.from({ length }, (_, i) => `o${i} = \${o${i + 1}}\n`).join('')}o${length} = end\n`;
  it.each([
    ['comments inside values', '[a]\nx = 1\n  # gone\n  2\n ; gone\n\n  3\n\n[b]\ny=1 # stays'],
    ['a value that starts on the next line', '[a]\nx =\n  one\n  two\n'],
    ['CRLF, lone CR', '[a]\r\nx = 1\r\n  2\ry = 3'],
    ['an indented section and options', '  [a]\n  x = 1\n   more\n  y = 2\n z = 3\n'],
    ['[DEFAULT]', '[DEFAULT]\nx = 1\n[a]\ny = ${x}\n[DEFAULT]\nz = 2\n'],
    ['a byte order mark', '\ufeff[a]\nx = 1\n'],
    ['no section', 'x = 1\n[a]\n'],
    ['a section twice', '[a]\n[b]\n[a]\n'],
    ['an option twice, in other case', '[a]\nx = 1\nX = 2\n'],
    ['an option without a name', '[a]\nx = 1\n= 2\n  y\n'],
    ['an option without a value', '[a]\nx\n  y = 2\n'],
    ['empty', ''],
    ['ten references in a chain', chain(10)],
    ['eleven references in a chain', chain(11)],
    ['a circle', '[a]\nx = ${y}\ny = ${b:z}\n[b]\nz = ${a:x}\n'],
    [
      'other sections and case',
      '[a]\nx = ${B:X} ${b:X} ${Y}\ny = ${b:y}\n[b]\nx = 1\ny = ${x}\n[B]\nx = 2\n',
    ],
  ])('%s', async (_, text) => {
    await compare([text]);
  });
});

it('tells every fault of a file, without quoting it', () => {
  const { faults } = parseIni('secret\n[a]\nhunter2\n= hunter2\nx = 1\nX = hunter2\n[a]\n', 'f.ini');
  expect(faults.map((fault) => fault.where)).toEqual(
    [1, 3, 4, 6, 7].map((line) => ({ file: 'f.ini', line })),
  );
  expect(JSON.stringify(faults)).not.toMatch(/hunter2|secret/);
});
