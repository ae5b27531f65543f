/** The store against damage: whatever is broken in it is found, and made again. */
import {
  chmodSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testStore, type TestStore } from '../../test/support/engine.ts';
import { cleanStore } from './gc.ts';
import { addBlob, blobPath, hasBlob, lookup, saveResult, type Result, type Store } from './store.ts';

const KEY = 'a'.repeat(64);

async function blob(store: Store, content: string) {
  const file = join(store.dir, 'tmp', 'new');
  writeFileSync(file, content);
  return addBlob(store, file);
}

async function withResult(): Promise<TestStore & { result: Result; path: string }> {
  const scene = await testStore();
  const { store } = scene;
  const result: Result = {
    ...{ key: KEY, facts: { version: '6.1' }, epoch: 5, ms: 7 },
    files: { image: await blob(store, 'an image') },
    sets: { packages: { 'a.deb': await blob(store, 'a package') } },
    trees: { tree: { layers: [await blob(store, 'a layer'), await blob(store, 'another')] } },
  };
  await saveResult(store, result);
  return { ...scene, result, path: blobPath(store, result.sets['packages']!['a.deb']!.digest) };
}

const DAMAGES: [string, (path: string) => void][] = [
  ['a flipped byte', (path) => writeFileSync(path, 'a pAckage')],
  ['cut short', (path) => truncateSync(path, 4)],
  ['emptied, with its old time', (path) => (truncateSync(path), utimesSync(path, 1, 1))],
  ['deleted', (path) => rmSync(path)],
];

test.each(DAMAGES)('a blob: %s', async (_what, damage) => {
  await using scene = await withResult();
  const { store, result, path } = scene;
  expect(await lookup(store, KEY)).toEqual({ result });
  chmodSync(path, 0o644);
  damage(path);
  expect(await lookup(store, KEY)).toEqual({ missing: 'damaged' });
  expect(await lookup(store, KEY)).toEqual({ missing: 'never' });
  expect(await hasBlob(store, await blob(store, 'a package'))).toBe(true);
  expect(readFileSync(path, 'utf8')).toBe('a package');
});

test('a blob that was only touched stays', async () => {
  await using scene = await withResult();
  utimesSync(scene.path, 9, 9);
  expect(await lookup(scene.store, KEY)).toEqual({ result: scene.result });
  expect(statSync(scene.path).mtimeMs).toBe(1000);
});

test('a blob altered behind our back is found by hashing', async () => {
  await using scene = await withResult();
  const { store, path } = scene;
  await saveResult(store, { ...scene.result, key: 'b'.repeat(64), sets: {} });
  chmodSync(path, 0o644);
  writeFileSync(path, 'a pAckage');
  utimesSync(path, 1, 1);
  const days = { days: 1, dryRun: false };
  expect(await cleanStore(store, { ...days, verify: false })).toMatchObject({ results: 0, blobs: 0 });
  expect(await cleanStore(store, { ...days, verify: true, dryRun: true })).toMatchObject({
    results: 1,
    blobs: 1,
  });
  expect(await cleanStore(store, { ...days, verify: true })).toMatchObject({ results: 1, blobs: 1 });
  expect(await lookup(store, KEY)).toEqual({ missing: 'never' });
  expect(await lookup(store, 'b'.repeat(64))).toMatchObject({ result: { facts: { version: '6.1' } } });
});

const RESULTS: [string, (text: string) => string][] = [
  ['empty', () => ''],
  ['cut short', (text) => text.slice(0, -30)],
  ['null', () => 'null'],
  ['of an older format', (text) => JSON.stringify((JSON.parse(text) as { result: Result }).result)],
  ['another number', (text) => text.replace('"size":8', '"size":9')],
  ['another fact', (text) => text.replace('6.1', '6.2')],
  ['another name', (text) => text.replace('"trees"', '"treez"')],
  ["another step's", (text) => text.replace(KEY, 'b'.repeat(64))],
];

test.each(RESULTS)('a result: %s', async (_what, change) => {
  await using scene = await withResult();
  const { store } = scene;
  const path = join(store.dir, 'results', `${KEY}.json`);
  const before = readFileSync(path, 'utf8');
  expect(change(before)).not.toBe(before);
  writeFileSync(path, change(before));
  expect(await cleanStore(store, { days: 1, verify: false, dryRun: true })).toMatchObject({ results: 1 });
  expect(await lookup(store, KEY)).toEqual({ missing: 'damaged' });
  expect(readdirSync(join(store.dir, 'results'))).toEqual([]);
  // No blob was taken for damaged because its description was.
  expect(await hasBlob(store, scene.result.files['image']!)).toBe(true);
});

test('cleaning leaves nothing of what is old', async () => {
  await using scene = await withResult();
  const { store } = scene;
  const all = { days: 0, verify: false, dryRun: false };
  expect(await cleanStore(store, { ...all, dryRun: true })).toMatchObject({ results: 1, blobs: 4 });
  expect(await lookup(store, KEY)).toMatchObject({ result: {} });
  expect(await cleanStore(store, all)).toMatchObject({ results: 1, blobs: 4, bytes: 8 + 9 + 7 + 7 });
  for (const dir of ['results', 'tmp', 'locks']) expect(readdirSync(join(store.dir, dir))).toEqual([]);
});
