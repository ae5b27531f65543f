import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { CODES } from '../errors.ts';
import { ROOT } from './globals.ts';

const files = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: ROOT })];
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

const help = new Map<string, string>();
/** What `--help` prints, also of `COMMAND SUBCOMMAND`; the empty name is the program itself. */
function helpOf(command: string): string {
  const args = [...command.split(' ').filter(Boolean), '--help'];
  const known = help.get(command) ?? execFileSync(join(ROOT, 'osmith'), args, { encoding: 'utf8' });
  help.set(command, known);
  return known;
}

/** Every command line of Osmith in a page: in indented blocks and between backquotes. */
function commandLines(text: string): string[] {
  const blocks = text.split('\n').filter((line) => /^ {4}(?:\.\/)?osmith /.test(line));
  const quoted = [...text.matchAll(/`osmith ([^`]+)`/g)].map(([, rest]) => `osmith ${rest}`);
  return [...blocks, ...quoted].map((line) => line.replace(/ #.*/, '').trim());
}

test.each(files)('links of %s lead somewhere', (file) => {
  const links = [...read(file).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target]) => target!);
  expect(links.filter((target) => !existsSync(join(ROOT, dirname(file), target)))).toEqual([]);
});

/** The commands that a help text lists. */
function commandsIn(text: string): string[] {
  const list = text.slice(text.indexOf('\nCommands:'));
  return text.includes('\nCommands:')
    ? [...list.matchAll(/^ {2}([a-z][a-z-]+)/gm)].map(([, name]) => name!)
    : [];
}

test('commands and options in the documentation exist', () => {
  const commands = commandsIn(helpOf(''));
  const wrong = files.flatMap((file) =>
    commandLines(read(file)).filter((line) => {
      const words = line.split(/\s+/).slice(1);
      const [first = '', second = ''] = words.filter((word) => /^[a-z]/.test(word));
      if (first !== '' && !commands.includes(first)) return true;
      const isGroup = first !== '' && commandsIn(helpOf(first)).length > 0;
      if (isGroup && second !== '' && !commandsIn(helpOf(first)).includes(second)) return true;
      const command = isGroup ? `${first} ${second}`.trim() : first;
      const options = words.filter((word) => word.startsWith('-')).map((word) => word.replace(/=.*/, ''));
      return options.some((option) => !new RegExp(`(?:^|[\\s,])${option}\\b`, 'm').test(helpOf(command)));
    }),
  );
  expect(wrong).toEqual([]);
});

test('error codes in the documentation exist', () => {
  const named = files.flatMap((file) => [...read(file).matchAll(/\bE_[A-Z_]+\b/g)].map(([code]) => code));
  expect(named.filter((code) => !Object.hasOwn(CODES, code))).toEqual([]);
});
