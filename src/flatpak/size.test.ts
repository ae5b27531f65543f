import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formatSize } from './size.ts';

/** Debian's own: others have no GLib. */
const PYTHON = '/usr/bin/python3';
const hasGlib = () => {
  try {
    return existsSync(PYTHON) && execFileSync(PYTHON, ['-c', 'from gi.repository import GLib']).length === 0;
  } catch {
    return false;
  }
};

test.skipIf(!hasGlib())('sizes are written as GLib writes them', () => {
  const random = (index: number) =>
    Math.floor(10 ** (((index * 7919) % 1300) / 100) * (1 + (index % 97) / 97));
  const edges = [0, 1, 2, 999, 1000, 1049, 1050, 1051, 1250, 1750, 999_949, 999_950, 1_000_000, 4_250_000];
  const sizes = [...edges, ...Array.from({ length: 3000 }, (_, index) => random(index))];
  const program =
    'import sys\nfrom gi.repository import GLib\nfor s in sys.stdin: print(GLib.format_size(int(s)))';
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const theirs = execFileSync(PYTHON, ['-c', program], { input: sizes.join('\n'), encoding: 'utf8', env });
  expect(sizes.map(formatSize)).toEqual(theirs.trimEnd().split('\n'));
});
