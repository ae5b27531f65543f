import { expect, test } from 'vitest';
import { DIRECTORY, FILE, HARD_LINK, SYMLINK, type Entry, type EntryType } from './entry.ts';
import { selectParts } from './select.ts';
import type { Part } from './stream.ts';

function part(path: string, type: EntryType, link = ''): Part {
  const entry: Entry = {
    ...{ path, type, link, mode: 0o644, uid: 0, gid: 0, mtime: 0, major: 0, minor: 0, xattrs: new Map() },
    size: type === FILE ? 5 : 0,
  };
  return type === FILE ? { entry, file: 'layer.tar', offset: 512 } : { entry };
}

const TREE = [
  part('usr', DIRECTORY),
  part('usr/a', FILE),
  part('usr/b', HARD_LINK, 'usr/a'),
  part('usr/c', HARD_LINK, 'usr/a'),
  part('usr/d', SYMLINK, 'a'),
];

function selected(...paths: string[]) {
  return selectParts(TREE, (path) => paths.includes(path)).map(({ entry, file, offset }) =>
    [entry.path, entry.type, entry.link, entry.size, file, offset].join(' '),
  );
}

test.each([
  { paths: ['usr/a'], parts: ['usr/a 0  5 layer.tar 512'] },
  { paths: ['usr/a', 'usr/c'], parts: ['usr/a 0  5 layer.tar 512', 'usr/c 1 usr/a 0  '] },
  // The target is not wanted: the first link becomes the file, the next one a link to it.
  { paths: ['usr/b', 'usr/c'], parts: ['usr/b 0  5 layer.tar 512', 'usr/c 1 usr/b 0  '] },
  { paths: ['usr', 'usr/d'], parts: ['usr 5  0  ', 'usr/d 2 a 0  '] },
  { paths: [], parts: [] },
])('of a tree with hard links, $paths', ({ paths, parts }) => {
  expect(selected(...paths)).toEqual(parts);
});
