import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OsmithError } from '../errors.ts';
import { collect, render } from './render.ts';
import type { PatternFiles } from './types.ts';

const top = mkdtempSync(join(tmpdir(), 'osmith-render-'));
const root = join(top, 'root');
afterAll(() => rmSync(top, { recursive: true, force: true }));

function put(name: string, text: string): string {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

beforeAll(() => {
  put('lib/sub/deep.libsonnet', '{ text: importstr "../../data.txt", id(n):: "id-" + n }');
  put('data.txt', 'échos\n');
  writeFileSync(join(top, 'secret'), '{ run: [] }');
  symlinkSync(join(top, 'secret'), join(root, 'link'));
  symlinkSync(top, join(root, 'linkdir'));
  put('evil.libsonnet', `\n\nimport '../secret'`);
});

async function fault(run: () => unknown): Promise<OsmithError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof OsmithError) return error;
    throw error;
  }
  throw new Error('It has no fault');
}

test('a pattern with its imports renders again from what was collected, without the disk', async () => {
  const path = put(
    'p/main.jsonnet',
    `local deep = import '../lib/sub/deep.libsonnet';
    local vars = std.extVar('vars');
    { run: [{ id: deep.id(vars.n), change: 'echo ' + deep.text }], runVars: { a: vars.n } }`,
  );
  const files = collect(path, root);
  expect(Object.keys(files.files)).toEqual(['data.txt', 'lib/sub/deep.libsonnet', 'p/main.jsonnet']);
  expect(files.entrypoint).toBe('p/main.jsonnet');
  const wire = JSON.parse(JSON.stringify(files)) as PatternFiles;
  rmSync(path);
  expect(await render(wire, { n: 7 })).toEqual({
    ...{ build: [], run: [{ id: 'id-7', change: 'echo échos\n' }], runVars: { a: 7 } },
  });
});

test('plain JSON is a pattern', async () => {
  const files = collect(put('plain.json', '{"run": [{"id": "a", "always": true}], "audience": "x"}'), root);
  expect(await render(files)).toEqual({ build: [], run: [{ id: 'a', always: true }], audience: ['x'] });
});

test.each([
  ['absolute', `import '${join(top, 'secret')}'`, /is an absolute path/],
  ['system file', `importstr '/etc/passwd'`, /is an absolute path/],
  ['parent', `import '../secret'`, /^\.\.\/secret is outside/],
  ['hidden parent', `import 'lib/../../secret'`, /is outside/],
  ['twice', `import 'lib/../lib/../../root/../secret'`, /is outside/],
  ['link to a file', `import 'link'`, /^link leads outside/],
  ['link to a directory', `import 'linkdir/secret'`, /leads outside/],
  ['never evaluated', `if false then import '../secret' else { run: [] }`, /is outside/],
  ['directory', `import 'lib'`, /^lib is not a file/],
  ['missing', `import 'nothing'`, /^There is no file nothing/],
  ['through an import', `import 'evil.libsonnet'`, /is outside/],
])('nothing outside can be imported: %s', async (name, text, message) => {
  const path = put('escape.jsonnet', `// a pattern\n${text}`);
  const { code, message: told, details } = await fault(() => collect(path, root));
  expect(code).toBe('E_PATTERN');
  expect(told).toMatch(message);
  const line =
    name === 'through an import' ? { file: 'evil.libsonnet', line: 3 } : { file: 'escape.jsonnet', line: 2 };
  expect(details.where).toEqual(line);
});

test('nor from a token, where only what it carries can be imported', async () => {
  for (const path of ['/etc/passwd', '../x', 'other', '__proto__', 'constructor'])
    expect((await fault(() => render({ entrypoint: 'm', files: { m: `importstr '${path}'` } }))).code).toBe(
      'E_PATTERN',
    );
  expect((await fault(() => render({ entrypoint: 'gone', files: {} }))).message).toBe(
    'The pattern has no file gone',
  );
});

test.each([
  [
    `{ run: [\n { id: 'a', chnage: 'x' } ] }`,
    'run[0] has an unknown key "chnage"',
    2,
    'Did you mean change?',
  ],
  [`{ run: [\n { id: 'a',\n always: 'yes' } ] }`, 'run[0].always must be true or false', 3, undefined],
  [`{ run: [ { change: 'x' } ] }`, 'run[0].id is missing', 1, undefined],
  [`{\n rum: [] }`, 'The pattern has an unknown key "rum"', 2, 'Did you mean run?'],
  [`{ run: 'x' }`, 'run must be an array', 1, undefined],
  [`[]`, 'The pattern must be an object', undefined, undefined],
  [
    `{ build: [ { id: 'g',\n commands: [ { id: 'x',\n onChange: ['y'] } ] } ] }`,
    'onChange of "g/x" names "y", and there is no such command',
    3,
    undefined,
  ],
  [
    `{ run: [ { id: 'g', commands: [], change: 'x' } ] }`,
    'run[0] has an unknown key "change"',
    1,
    'Did you mean change?',
  ],
  [`{ run: [ { id: 'osmith:x' } ] }`, 'run[0].id must not begin with osmith:, as events do', 1, undefined],
  [
    `{ run: [ { id: 'a', envPrefix: '1x' } ] }`,
    'run[0].envPrefix must be the name of a variable',
    1,
    undefined,
  ],
  [`{ runExec: { usr: 'x' } }`, 'runExec has an unknown key "usr"', 1, 'Did you mean user?'],
  [`{ expiresIn: -1 }`, /^expiresIn is wrong/, 1, undefined],
  [`local x = 1;\n{ run: y }`, 'There is no variable y', 2, undefined],
])('what is wrong with a pattern is told with its place: %#', async (text, message, line, hint) => {
  const error = await fault(() => render({ entrypoint: 'm', files: { m: text } }));
  expect(error.code).toBe('E_PATTERN');
  expect(error.message).toEqual(
    typeof message === 'string' ? message : (expect.stringMatching(message) as string),
  );
  expect(error.details.where?.line).toBe(line);
  if (hint !== 'Did you mean change?') expect(error.details.hint).toBe(hint);
});

test('all faults are told at once', async () => {
  const error = await fault(() =>
    render({ entrypoint: 'm', files: { m: `{ run: [{ id: 1 }, { id: 'b', x: 1 }], y: 1 }` } }),
  );
  expect([error, ...(error.details.also ?? [])]).toHaveLength(1);
  const inside = await fault(() =>
    render({ entrypoint: 'm', files: { m: `{ run: [{ id: 1 }, { id: 'b', x: 1 }] }` } }),
  );
  expect([inside, ...(inside.details.also ?? [])].map(({ message }) => message)).toEqual([
    'run[0].id must be a string',
    'run[1] has an unknown key "x"',
  ]);
});
