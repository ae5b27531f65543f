import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scratch } from '../disk/testing.ts';
import { keepObjects, lendObjects } from './cache.ts';

function put(root: string, path: string): void {
  const file = join(root, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, path);
}

it('keeps contents of a pull, also of one that was cut off, and lends them to the next; commits never', async () => {
  const dir = scratch();
  const [store, one, two] = ['store', 'one', 'two'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  put(one, 'objects/aa/1.filez');
  put(one, 'objects/aa/2.commit');
  put(one, 'objects/aa/2.commitmeta');
  put(one, 'tmp/staging-boot-x/bb/3.dirtree');
  put(one, 'tmp/cache/lock');
  put(two, 'objects/aa/1.filez');
  await keepObjects(store, one);
  await keepObjects(store, one);
  await lendObjects(store, two);
  expect(readFileSync(join(two, 'objects/aa/1.filez'), 'utf8')).toBe('objects/aa/1.filez');
  expect(statSync(join(two, 'objects/bb/3.dirtree')).nlink).toBe(3);
  expect(existsSync(join(two, 'objects/aa/2.commit'))).toBe(false);
  expect(existsSync(join(two, 'objects/aa/2.commitmeta'))).toBe(false);
});

it('lends nothing while there is nothing', async () => {
  const dir = scratch();
  await lendObjects(join(dir, 'store'), join(dir, 'repo'));
  expect(existsSync(join(dir, 'repo'))).toBe(false);
});
