import { expect, test } from 'vitest';
import { parseYaml, plainScalar, whereOf } from './yaml.ts';

/** How Go's yaml.v3 decodes a plain scalar into an `interface{}`. */
test.each<[string, unknown]>([
  ['yes', 'yes'],
  ['no', 'no'],
  ['on', 'on'],
  ['y', 'y'],
  ['true', true],
  ['True', true],
  ['tRue', 'tRue'],
  ['~', null],
  ['', null],
  ['null', null],
  ['12', 12],
  ['-12', -12],
  ['+12', 12],
  ['0644', 420],
  ['-0644', -420],
  ['0o644', 420],
  ['0x1F', 31],
  ['0b101', 5],
  ['1_000', 1000],
  ['089', '089'],
  ['18446744073709551615', 18446744073709551615n],
  ['1.5', 1.5],
  ['1e3', 1000],
  ['.5', 0.5],
  ['1.2.3', '1.2.3'],
  ['0:1', '0:1'],
  ['2001-01-01', '2001-01-01'],
  ['0x', '0x'],
])('the word %s is %s', (text, value) => {
  expect(plainScalar(text)).toStrictEqual(value);
});

test('quotes and tags make text', () => {
  const text = 'a: "0644"\nb: \'yes\'\nc: !!str 12\nd: |\n  1\ne: "@reboot x"\nf: !!int "7"\n';
  expect(parseYaml(text, 'f')).toEqual({ a: '0644', b: 'yes', c: '12', d: '1\n', e: '@reboot x', f: 7 });
});

test('anchors, aliases and merges work, and keep their places', () => {
  const text = 'x: &x\n  a: 1\n  b: 2\ny:\n  <<: *x\n  b: 3\nz: [*x]\nv: &v hello\nw: *v\n';
  const value = parseYaml(text, 'f') as Record<string, object>;
  expect(value).toMatchObject({ y: { a: 1, b: 3 }, z: [{ a: 1, b: 2 }], w: 'hello' });
  expect(whereOf(value['y'], 'b')).toEqual({ file: 'f', line: 6 });
  expect(whereOf(value['y'], 'a')).toEqual({ file: 'f', line: 2 });
});

const BOMB = ['a: &a [x,x,x,x,x,x,x,x,x]']
  .concat('bcdefgh'.split('').map((name, i) => `${name}: &${name} [${`*${'abcdefg'[i]},`.repeat(9)}]`))
  .join('\n');

test.each<[string, string, RegExp, number]>([
  ['an unquoted @', 'a: 1\nb: @x', /not YAML/, 2],
  ['a key twice', 'a: 1\nb: 2\na: 3', /not YAML/, 3],
  ['a tab', 'a:\n\tb: 1', /not YAML/, 2],
  ['an open quote', 'a: "x\n', /not YAML/, 2],
  ['two documents', 'a: 1\n---\nb: 2', /more than one document/, 2],
  ['an alias of nothing', 'a: 1\nb: *x', /alias|not YAML/i, 2],
  ['an anchor in itself', 'a: &a\n  b: *a', /contains itself/, 2],
  ['a strange tag', 'a: !foo x', /tag !foo means nothing/, 1],
  ['a list as key', '? [a]\n: b', /key must be a word/, 1],
  ['a merge of a word', 'a:\n  <<: x', /<< needs a mapping/, 2],
  ['aliases that stand for billions', BOMB, /stand for too much/, 1],
])('%s is an error with its line', (_what, text, message, line) => {
  let error: unknown;
  try {
    parseYaml(text, 'file.yml');
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({
    ...{ code: 'E_COMPOSE', message: expect.stringMatching(message) as string },
    details: { where: { file: 'file.yml', line: expect.any(Number) as number } },
  });
  const { details } = error as { details: { where: { line: number } } };
  if (!message.source.includes('too much')) expect(details.where.line).toBe(line);
});
