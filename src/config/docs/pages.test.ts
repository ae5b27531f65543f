import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../index.ts';
import { example } from './example.ts';
import { readComments } from './comments.ts';
import { workspaceFacts } from './workspace.ts';
import { OPTIONS_DIR, wantedPages } from './write.ts';

const WORKSPACE = join(import.meta.dirname, '../../../workspace');
const facts = workspaceFacts(WORKSPACE);

it('are up to date: otherwise `make docs`', async () => {
  const pages = await wantedPages();
  expect(readdirSync(OPTIONS_DIR).sort()).toEqual(pages.map(({ name }) => name).sort());
  for (const { name, text } of pages) expect(readFileSync(join(OPTIONS_DIR, name), 'utf8')).toBe(text);
});

it('say something about every section and option: a comment above it in schema.ini or defaults.ini, NAME_example', () => {
  const rules = facts.schema.rules.filter(
    ({ section, option }) => section !== 'build' || !['arch', 'build_version'].includes(option),
  );
  const silent = rules.filter((rule) => {
    const { about, value } = facts.option(rule);
    return about === undefined || example(rule, value)[1] === '';
  });
  expect(silent.map(({ section, option }) => `${section}.${option}`)).toEqual([]);
  expect(rules.map(({ section }) => section).filter((name) => !facts.sections.has(name))).toEqual([]);
});

it('show examples that are allowed', () => {
  const attributes = { arch: 'amd64', branch: 'deb' };
  const isFile = (type: string | undefined) => type === 'path' || type === 'paths';
  const set = facts.schema.rules
    .filter(({ type }) => !isFile(type))
    .map((rule) => {
      const [option, text] = example(rule, facts.option(rule).value);
      return `${rule.section}.${option}=${text}`;
    })
    .filter((setting) => !setting.startsWith('build.arch='));
  const config = loadConfig({ workspace: WORKSPACE, attributes, set });
  expect(config.get('image', 'filesystem')).toBe('erofs');
  expect(config.warnings).toEqual([]);
});

it('take comments from right above', () => {
  const { sections, options } = readComments(
    '# top\n\n# of a\n# itself\n[a]\n# of x\nX = 1\n  # inside\n  2\n# far\n\ny = 3\n[b]\n#bare\nlong name: 1\n',
  );
  expect([...sections]).toEqual([['a', 'of a itself']]);
  expect([...options.get('a')!]).toEqual([['x', 'of x']]);
  expect([...options.get('b')!]).toEqual([['long name', 'bare']]);
});
