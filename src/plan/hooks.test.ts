/** Hooks as steps: what they declare and read is what they depend on. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scene, type Scene } from '../config/testing.ts';
import type { OsmithError } from '../errors.ts';
import { parseDeclarations, usedVariables } from './declarations.ts';
import { hookSteps, throwFaults } from './hooks.ts';
import { sourceInput } from './source.ts';
import type { Step } from './types.ts';

const FILES = {
  'ws/config/schema.ini':
    '[attributes]\norder = product branch arch platform personality\nproduct = p\nbranch = b\narch = amd64\npersonality = q\n[refine]\nhooks_type = list\n',
  'ws/config/defaults.ini': '[refine]\nhooks_add = 30-c 10-a.chroot 20-b\nname = x\nother = y\n',
  'ws/hooks/lib.sh': 'greet() { echo "$OSMITH_REFINE_OTHER"; }\n',
  'ws/hooks/refine/10-a.chroot': 'echo $OSMITH_REFINE_NAME\n# osmith: data d/e  f\n',
  'ws/hooks/refine/20-b': 'greet\n',
  'ws/hooks/refine/30-c': '#!/bin/sh\n#osmith:network\n# osmith: env all\n',
  'ws/data/d/e/file': '1',
  'ws/data/f': '2',
};

function steps({ dir, load }: Scene): Step[] {
  chmodSync(join(dir, 'ws/hooks/refine/30-c'), 0o755);
  const base = { step: 'first', output: 'tree' };
  const { steps, faults } = hookSteps({ config: load(), group: 'refine', base });
  throwFaults(faults);
  return steps;
}

test('one step per hook, in the order of names, each on the tree before', () => {
  using ws = scene(FILES);
  const [a, b, c] = steps(ws) as [Step, Step, Step];
  expect([a, b, c].map(({ id, inputs }) => [id, inputs['base']])).toEqual([
    ['refine/10-a.chroot', { step: 'first', output: 'tree' }],
    ['refine/20-b', { step: 'refine/10-a.chroot', output: 'tree' }],
    ['refine/30-c', { step: 'refine/20-b', output: 'tree' }],
  ]);
  expect([a, b, c].map(({ params }) => params['type'])).toEqual(['chroot', 'sourced', 'executable']);
  expect([a, b, c].map(({ network }) => network === true)).toEqual([false, false, true]);
  expect(Object.keys(a.inputs)).toEqual(['base', 'hook', 'data/d/e', 'data/f']);
  expect(Object.keys(b.inputs)).toEqual(['base', 'hook', 'lib']);
  expect(a.params['env']).toEqual({ OSMITH_REFINE_NAME: 'x' });
  // What its library reads, a hook reads.
  expect(b.params['env']).toEqual({ OSMITH_REFINE_OTHER: 'y' });
  expect(c.params['env']).toMatchObject({ OSMITH_REFINE_NAME: 'x', OSMITH_REFINE_OTHER: 'y' });
});

test.each<[string, string, string[]]>([
  ['a hook', 'ws/hooks/refine/20-b', ['refine/20-b']],
  ['declared data', 'ws/data/d/e/file', ['refine/10-a.chroot']],
  ['data nobody declares', 'ws/data/d/other', []],
  ['the library', 'ws/hooks/lib.sh', ['refine/20-b']],
])('a change of %s concerns: %s', (_what, file, concerned) => {
  using ws = scene(FILES);
  const before = steps(ws);
  writeFileSync(join(ws.dir, file), '# changed\n');
  const own = ({ inputs, params }: Step) => ({ params, inputs: { ...inputs, base: undefined } });
  const changed = steps(ws).filter(
    (step, i) => JSON.stringify(own(step)) !== JSON.stringify(own(before[i]!)),
  );
  expect(changed.map(({ id }) => id)).toEqual(concerned);
});

test('misspelt hooks are all told, with the one that was meant', () => {
  using ws = scene({ ...FILES, 'ws/config/arch/amd64.ini': '[refine]\nhooks_add = 20-bb nothing/like/it\n' });
  const thrown = (): OsmithError => {
    try {
      steps(ws);
    } catch (error) {
      return error as OsmithError;
    }
    throw new Error('nothing thrown');
  };
  const error = thrown();
  expect(error).toMatchObject({ code: 'E_HOOK_MISSING', message: 'There is no hook 20-bb in hooks/refine' });
  expect(error.details.hint).toBe('Did you mean 20-b?');
  expect(error.details.where?.file).toContain('ws/config/');
  expect(error.details.also?.map(({ message }) => message)).toEqual([
    'There is no hook nothing/like/it in hooks/refine',
  ]);
});

test('files that variables name are inputs, and the variables have their place in the sandbox', () => {
  using ws = scene({
    ...FILES,
    'ws/config/arch/amd64.ini':
      '[refine]\nname = ${build:srcdir}/data/f ${build:srcdir}/nosuch /etc/passwd\n',
    'ws/hooks/refine/20-b': 'cat $OSMITH_REFINE_NAME\n',
  });
  const [a, b, c] = steps(ws) as [Step, Step, Step];
  const env = ({ params }: Step) => params['env'] as Record<string, string>;
  expect(env(a)['OSMITH_REFINE_NAME']).toBe(
    '/run/osmith/in/workspace/data/f /run/osmith/in/workspace/nosuch /etc/passwd',
  );
  expect(env(b)['OSMITH_REFINE_NAME']).toBe('/in/workspace/data/f /in/workspace/nosuch /etc/passwd');
  expect(a.inputs['workspace/data/f']).toEqual(sourceInput(join(ws.dir, 'ws'), 'data/f'));
  expect(Object.keys(b.inputs)).toEqual(['base', 'hook', 'lib', 'workspace/data/f']);
  // It reads all variables, but it does not name this one.
  expect(env(c)['OSMITH_SRCDIR']).toBe('/in/workspace');
  expect(Object.keys(c.inputs)).toEqual(['base', 'hook']);
  expect(JSON.stringify([a, b, c])).not.toContain(join(ws.dir, 'ws'));
});

test('content: apart from each other and from the tree, unless declared', () => {
  using ws = scene({
    ...FILES,
    'ws/config/arch/amd64.ini': '[content]\nhooks = 1-a 2-b 3-c.chroot\n[image]\nhooks = 5-a 6-b 7-c\n',
    'ws/hooks/content/1-a': 'true\n',
    'ws/hooks/content/2-b': '# osmith: tree\n# osmith: content\n',
    'ws/hooks/content/3-c.chroot': 'true\n',
    'ws/hooks/image/5-a': '# osmith: content 1-a\n',
    'ws/hooks/image/6-b': 'true\n',
    'ws/hooks/image/7-c': '# osmith: content\n',
  });
  const config = ws.load();
  const base = { step: 'first', output: 'tree' };
  const content = hookSteps({ config, group: 'content', base });
  const image = hookSteps({ config, group: 'image', base, content: content.steps });
  const inputs = (step: Step) => Object.keys(step.inputs).filter((name) => name !== 'hook' && name !== 'lib');
  expect([...content.steps, ...image.steps].map((step) => [step.id, ...inputs(step)])).toEqual([
    ['content/1-a'],
    ['content/2-b', 'base', 'content/1-a'],
    ['content/3-c.chroot', 'base'],
    ['image/5-a', 'base', 'content/1-a'],
    ['image/6-b', 'base'],
    ['image/7-c', 'base', 'content/1-a', 'content/2-b', 'content/3-c.chroot'],
  ]);
  expect(content.tree).toEqual(base);
  expect(image.tree).toEqual({ step: 'image/7-c', output: 'tree' });
});

test('declarations that nobody knows are told with their line', () => {
  const text =
    'echo "# osmith: x"\n# osmith is good\n#  osmith:  network \n# osmith: when a.b c.d\n# osmith: check json a.b';
  expect(parseDeclarations(text, 'h')).toEqual({
    ...{ data: [], programs: [], content: [], credentials: [], tree: false, network: true, allEnv: false },
    ...{ when: ['a.b', 'c.d'], checks: [{ check: 'json', options: ['a.b'] }] },
  });
  const bad = 'netwrok|env some|DATA x|when|when a|check json|check jsno a.b|check json a'.split('|');
  for (const line of bad.map((words) => `# osmith: ${words}`)) {
    const error = {
      code: 'E_CONFIG',
      details: expect.objectContaining({ where: { file: 'h', line: 2 } }) as object,
    };
    expect(() => parseDeclarations(`#!/bin/sh\n${line}\n`, 'h')).toThrow(expect.objectContaining(error));
  }
});

test('variables are found however the shell names them', () => {
  const all = Object.fromEntries('A AB A_B C'.split(' ').map((name) => [`OSMITH_${name}`, name]));
  const text = 'echo "${OSMITH_A:-x}" $OSMITH_A_B; XOSMITH_C=1; env | grep OSMITH_AB';
  expect(Object.keys(usedVariables(text, all))).toEqual(['OSMITH_A', 'OSMITH_AB', 'OSMITH_A_B']);
});

test('a source is its names, contents, links and executable bits', () => {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  const fresh = (change: (path: (name: string) => string) => void): string => {
    rmSync(join(dir, 'src'), { recursive: true, force: true });
    const path = (name: string) => join(dir, 'src', name);
    mkdirSync(path('sub'), { recursive: true });
    writeFileSync(path('sub/a'), 'ab');
    writeFileSync(path('b'), 'c');
    symlinkSync('sub', path('l'));
    change(path);
    return sourceInput(dir, 'src').digest;
  };
  try {
    const same = fresh(() => {});
    expect(fresh((path) => chmodSync(path('b'), 0o600))).toBe(same);
    expect(fresh((path) => utimesSync(path('b'), 1, 1))).toBe(same);
    const others = [
      fresh((path) => writeFileSync(path('b'), 'd')),
      fresh((path) => chmodSync(path('b'), 0o755)),
      fresh((path) => mkdirSync(path('empty'))),
      fresh((path) => (writeFileSync(path('sub/a'), 'a'), writeFileSync(path('b'), 'bc'))),
      fresh((path) => (rmSync(path('l')), symlinkSync('./sub', path('l')))),
      fresh((path) => (rmSync(path('l')), writeFileSync(path('l'), 'sub'))),
      fresh((path) => (rmSync(path('sub/a')), writeFileSync(path('sub/A'), 'ab'))),
    ];
    expect(new Set([same, ...others]).size).toBe(others.length + 1);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
