import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CODES } from '../errors.ts';

const SOURCE = join(import.meta.dirname, '..');
const PAGES = join(SOURCE, '../docs/errors');
const read = (file: string) => readFileSync(join(PAGES, file), 'utf8');

test('every code has a page, every page has a code', () => {
  const pages = readdirSync(PAGES).filter((name) => name.startsWith('E_'));
  expect(pages.sort()).toEqual(
    Object.keys(CODES)
      .map((code) => `${code}.md`)
      .sort(),
  );
});

test.each(Object.entries(CODES))(
  'page and overview say what the table says of %s',
  (code, { exit, title }) => {
    expect(read(`${code}.md`).split('\n').slice(0, 3)).toEqual([
      `# ${code}: ${title}`,
      '',
      `Exit code ${exit}.`,
    ]);
    const row = read('README.md')
      .split('\n')
      .find((line) => line.startsWith(`| [${code}](${code}.md)`));
    expect(
      row
        ?.split('|')
        .map((cell) => cell.trim())
        .slice(2, 4),
    ).toEqual([String(exit), title]);
  },
);

test('every code is used', () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' });
  const sources = files.filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'errors.ts',
  );
  const text = sources.map((file) => readFileSync(join(SOURCE, file), 'utf8')).join('\n');
  expect(Object.keys(CODES).filter((code) => !text.includes(`'${code}'`))).toEqual([]);
});
