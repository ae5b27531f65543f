import { expect, it, test } from 'vitest';
import { parseSummary } from './collection.ts';
import { commitDate, osVersion } from './show.ts';

test.each([
  ['NAME=x\nVERSION="13 (trixie)"\nVERSION_ID=13', '13 (trixie)'],
  ["VERSION='4.0'\n", '4.0'],
  ['VERSION=4.0\n', '4.0'],
  ['VERSION="4.0\'', '"4.0\''],
  ['VERSION_ID=13\n', null],
  ['', null],
])('%j has the version %j', (osRelease, version) => {
  expect(osVersion(osRelease)).toBe(version);
});

it('knows when a commit was made', () => {
  const shown = 'commit ab\nContentChecksum:  cd\nDate:  2023-11-14 22:13:20 +0000\n(no subject)\n';
  expect(commitDate(shown)).toBe('2023-11-14T22:13:20+0000');
  expect(() => commitDate('commit ab')).toThrow(TypeError);
});

it('believes the summary about the collection only where it speaks of the whole repository', () => {
  const refs =
    '* (org.example.Os, os/a)\n    Latest Commit (1 bytes):\n* (org.example.Os, ostree-metadata)\n';
  const id = 'Collection ID (ostree.summary.collection-id): org.example.Os\n';
  expect(parseSummary(refs + id)).toEqual({ collectionId: 'org.example.Os', hasMetadata: true });
  expect(parseSummary(id)).toEqual({ collectionId: 'org.example.Os', hasMetadata: false });
  expect(parseSummary('* os/a\n')).toEqual({ collectionId: '', hasMetadata: false });
});
