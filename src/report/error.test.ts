import { expect, test } from 'vitest';
import { OsmithError, toOsmithError } from '../errors.ts';
import { errorAsJson, renderError } from './error.ts';
import { count, cut, duration } from './style.ts';

const view = { style: (_format: unknown, text: string) => text, debug: false };

const failed = new OsmithError('E_TOOL', 'mksquashfs failed with exit code 1', {
  where: { file: 'config/image.ini', line: 3 },
  tail: ['writing', '\x1b[31mno space\x07'],
  log: '/store/logs/a.log',
  hint: 'Make room\nor use another store',
  also: [new OsmithError('E_CONFIG', 'Unknown option "sute"', { where: { file: 'config/a.ini' } })],
});

test('says what, where, the last output, the log, the remedy; then the further errors', () => {
  expect(renderError(failed, view)).toBe(`error[E_TOOL]: mksquashfs failed with exit code 1
  --> config/image.ini:3
  last lines of its output:
    | writing
    | no space
  full log: /store/logs/a.log
  hint: Make room
        or use another store
error[E_CONFIG]: Unknown option "sute"
  --> config/a.ini
`);
});

test('shows a stack only with debug', () => {
  const error = toOsmithError(new TypeError('x is not a function'));
  expect(renderError(error, view)).not.toContain('error.test.ts');
  expect(renderError(error, { ...view, debug: true })).toContain('error.test.ts');
});

test('as JSON: one object with the same facts', () => {
  expect(JSON.parse(JSON.stringify(errorAsJson(failed, false)))).toEqual({
    code: 'E_TOOL',
    title: 'A program that a step ran failed',
    exitCode: 1,
    message: 'mksquashfs failed with exit code 1',
    file: 'config/image.ini',
    line: 3,
    tail: ['writing', '\x1b[31mno space\x07'],
    log: '/store/logs/a.log',
    hint: 'Make room\nor use another store',
    also: [
      {
        code: 'E_CONFIG',
        title: 'The configuration is wrong',
        exitCode: 2,
        message: 'Unknown option "sute"',
        file: 'config/a.ini',
      },
    ],
  });
});

test.each([
  [0, '0.0s'],
  [59_949, '59.9s'],
  [59_950, '1m 00s'],
  [185_000, '3m 05s'],
  [3_599_900, '1h 00m'],
  [7_380_000, '2h 03m'],
])('%d ms is %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('cuts and counts', () => {
  expect([cut('abcdef', 6), cut('abcdef', 4), cut('abc', 0)]).toEqual(['abcdef', 'abc…', '']);
  expect([count(1, 'step'), count(0, 'step')]).toEqual(['1 step', '0 steps']);
});
