import fc from 'fast-check';
import { expect, it } from 'vitest';
import { mergeWords, partName, listPart } from './lists.ts';
import { scene } from './testing.ts';

const part = fc.record({
  kind: fc.constantFrom('add' as const, 'del' as const),
  words: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 4 }),
});

it('keeps a word that is added more often than removed, once, in the order of addition', () => {
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const of = (kind: string) => parts.filter((each) => each.kind === kind).flatMap((each) => each.words);
      const times = (kind: string, word: string) => of(kind).filter((each) => each === word).length;
      const kept = [...new Set(of('add'))].filter((word) => times('add', word) > times('del', word));
      expect(mergeWords(parts)).toEqual(kept);
    }),
  );
});

it('tells the parts of a list from options that only look like them', () => {
  expect(partName('apps_add', 'personality_pt_BR', ['apps'])).toBe('apps_add_personality_pt_br');
  expect(partName('apps_del', '_x', ['apps'])).toBe('apps_del_x');
  expect(partName('apps_add', 'branch_eos3.9', ['apps'])).toBe('apps_add_branch_eos3.9');
  expect(partName('apps_add_mandatory', 'x', ['apps'])).toBe('apps_add_mandatory');
  expect(partName('apps_add', 'x', [])).toBe('apps_add');
  expect(listPart('apps_additional', ['apps'])).toBeUndefined();
  expect(listPart('pre_add_post_del_x', ['pre_add_post'])).toEqual({ list: 'pre_add_post', kind: 'del' });
});

const SCHEMA =
  '[s]\nl_type = list\nm_type = list\nn_type = list\nother_type = string\n[t-*]\nl_type = list\n';

it('makes lists from all files', () => {
  using workspace = scene({
    'ws/config/schema.ini': SCHEMA,
    'ws/config/defaults.ini': [
      '[s]',
      'l_add = a b c',
      'l_add_core = core',
      'm_del = late',
      'n_add = ${m} ${l_add_defaults} $${x} $$1',
      'other = ${l_add_core} ${l}',
      '[t-1]',
      '[u]',
      'l_add = not a list',
    ].join('\n'),
    'ws/config/branch/b.ini': '[s]\nl_del = b\nl_add = d a\nl_add_core = kernel\nm_add = late late early\n',
    'ws/config/local.ini': '[s]\nl_del = c\n',
  });
  const config = workspace.load({
    attributes: { branch: 'b' },
    set: ['s.l_add=x', 's.l_add=y', 's.l_del=d'],
  });
  expect(config.list('s', 'l')).toEqual(['a', 'kernel', 'x', 'y']);
  expect(config.list('s', 'm')).toEqual(['late', 'early']);
  expect(config.list('s', 'n')).toEqual(['late', 'early', 'a', 'b', 'c', '${x}', '$1']);
  expect(config.get('s', 'other')).toBe('kernel a\nkernel\nx\ny');
  expect(config.list('t-1', 'l')).toEqual([]);
  expect(config.list('t-2', 'l')).toEqual([]);
  expect(config.options('s')).toEqual(['l', 'm', 'n', 'other']);
  expect(config.get('u', 'l_add')).toBe('not a list');
  expect(config.where('s', 'l')).toEqual({ file: '--set', line: 3 });
  const effects = config.explain('s', 'l').map(({ effect, option, value }) => `${effect} ${option} ${value}`);
  expect(effects).toEqual([
    'adds l_add a b c',
    'overridden l_add_core core',
    'removes l_del b',
    'adds l_add d a',
    'adds l_add_core kernel',
    'removes l_del c',
    'adds l_add x',
    'adds l_add y',
    'removes l_del d',
  ]);
});

it('takes a list that is set as a whole, and says which parts that leaves without effect', () => {
  using workspace = scene({
    'ws/config/schema.ini': SCHEMA,
    'ws/config/defaults.ini': '[s]\nl_add = a\n',
    'ws/config/local.ini': '[s]\nl =\nl_add = ${nowhere}\n',
  });
  const config = workspace.load();
  expect(config.list('s', 'l')).toEqual([]);
  expect(config.explain('s', 'l').map(({ effect }) => effect)).toEqual(['ignored', 'wins', 'ignored']);
  expect(config.warnings).toEqual([expect.stringMatching(/local.ini:3: l_add in \[s\] has no effect/)]);
});

it('tells of lists that cannot be made', () => {
  using workspace = scene({
    'ws/config/schema.ini': SCHEMA,
    'ws/config/defaults.ini': '[s]\nl_add = ${m}\nm_add = ${l}\nn_del = ${gone}\n',
  });
  expect(workspace.errors()).toEqual([
    'ws/config/defaults.ini:2: [s] l_add: The list refers to itself',
    'ws/config/defaults.ini:3: [s] m_add: The list refers to itself',
    'ws/config/defaults.ini:4: [s] n_del: ${gone} refers to an option that is not set',
  ]);
});
