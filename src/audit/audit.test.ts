import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scratch } from '../disk/testing.ts';
import { addRecord, hashOf, HEAD, RECORDS, type AuditRecord, type Content } from './chain.ts';
import { checkAudit } from './check.ts';

const CONTENT: Content = {
  ...{
    time: '2026-11-27T10:00:00.000Z',
    by: { user: 'builder', host: 'farm' },
    osmith: '1',
    command: 'osmith build',
  },
  ...{ workspace: '/w', variant: { product: 'container' }, result: 'ok' },
  inputs: { config: '1'.repeat(64), packages: {}, sources: {} },
  artifacts: [{ name: 'a', size: 1, sha256: '2'.repeat(64) }],
};

async function records(count: number): Promise<string> {
  const dir = scratch();
  for (let number = 1; number <= count; number += 1)
    await addRecord(dir, { ...CONTENT, command: `osmith build ${number}` }, `log ${number}\n`);
  return dir;
}

const wrong = async (dir: string) =>
  (await checkAudit(dir)).filter(({ ok }) => !ok).map(({ file, detail }) => `${file}: ${detail}`);
const lines = (dir: string) => readFileSync(join(dir, RECORDS), 'utf8').trimEnd().split('\n');
const write = (dir: string, text: string[]) => writeFileSync(join(dir, RECORDS), `${text.join('\n')}\n`);

/** As somebody would who knows how hashes are made. */
function rehash(line: string): string {
  const record = JSON.parse(line) as AuditRecord;
  return JSON.stringify({ ...record, hash: hashOf(record) });
}

it('holds as long as nobody touches it, also with several builds at once', async () => {
  const dir = scratch();
  await Promise.all([1, 2, 3, 4].map(async () => addRecord(dir, CONTENT, 'log')));
  expect(await wrong(dir)).toEqual([]);
  expect(await checkAudit(dir)).toHaveLength(5);
});

it.each<[string, (dir: string, all: string[]) => void, RegExp]>([
  [
    'an altered record',
    (dir, [a, b, c]) => write(dir, [a!, b!.replace('farm', 'evil'), c!]),
    /^record 2: it was altered/,
  ],
  [
    'an altered record with its hash made anew',
    (dir, [a, b, c]) => write(dir, [a!, rehash(b!.replace('farm', 'evil')), c!]),
    /^record 3: the record before it was altered/,
  ],
  [
    'a record removed from the middle',
    (dir, [a, , c]) => write(dir, [a!, c!]),
    /^record 3: record 2 is missing before it/,
  ],
  ['the first one removed', (dir, [, b, c]) => write(dir, [b!, c!]), /^record 2: record 1 is missing/],
  [
    'the last one removed',
    (dir, [a, b]) => write(dir, [a!, b!]),
    /^head\.json: records after 2 are missing, up to 3/,
  ],
  [
    'the last one altered with its hash',
    (dir, [a, b, c]) => write(dir, [a!, b!, rehash(c!.replace('farm', 'evil'))]),
    /^head\.json: record 3 is another one/,
  ],
  ['two exchanged', (dir, [a, b, c]) => write(dir, [a!, c!, b!]), /^record 3: record 2 is missing/],
  ['one put in twice', (dir, [a, b, c]) => write(dir, [a!, b!, b!, c!]), /^record 2: it is out of order/],
  ['garbage', (dir, all) => write(dir, [...all, 'x']), /^line 4: it is no record/],
  [
    'a log altered',
    (dir) => appendFileSync(join(dir, 'logs/000002.txt'), 'x'),
    /^record 2: its log .* was altered/,
  ],
  ['a log removed', (dir) => rmSync(join(dir, 'logs/000001.txt')), /^record 1: its log .* is missing/],
  [
    'all records removed',
    (dir) => rmSync(join(dir, RECORDS)),
    /^head\.json: records after 0 are missing, up to 3/,
  ],
  ['the head removed', (dir) => rmSync(join(dir, HEAD)), /^head\.json: it is missing/],
])('%s shows', async (_, spoil, message) => {
  const dir = await records(3);
  spoil(dir, lines(dir));
  expect((await wrong(dir)).join('\n')).toMatch(new RegExp(message.source, 'm'));
});

it('goes on showing it when further builds come, and begins no new chain where the head is gone', async () => {
  const dir = await records(3);
  write(dir, lines(dir).slice(0, 2));
  await addRecord(dir, CONTENT, 'log');
  expect(await wrong(dir)).toEqual(['record 4: record 3 is missing before it']);
  rmSync(join(dir, HEAD));
  await expect(addRecord(dir, CONTENT, 'log')).rejects.toMatchObject({ code: 'E_AUDIT' });
  await expect(checkAudit(scratch())).rejects.toMatchObject({ code: 'E_NO_IMAGE' });
});
