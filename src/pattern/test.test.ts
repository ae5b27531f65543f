import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test as it } from 'vitest';
import { testCommands } from './test.ts';
import type { Command, Entry } from './types.ts';

it('the four phases: change, check, remove, check', async () => {
  const state = await mkdtemp(join(tmpdir(), 'osmith-four-'));
  const exec = [{ command: 'sh -e -c', workDir: state, allowOverride: true }];
  const good: Command = { id: 'good', check: 'test -e g', change: 'touch g', remove: 'rm g' };
  const there: Command = { id: 'there', check: 'true', change: 'true', remove: 'true' };
  const test = async (commands: Entry[]) =>
    (await testCommands({ commands, exec })).problems.map(({ id, message }) => `${id}: ${message}`);
  expect(await test([good, there])).toEqual([]);
  expect(existsSync(join(state, 'g'))).toBe(false);
  expect(await test([{ ...good, change: 'true' }])).toEqual([
    'good: check fails after the change, with exit code 1',
  ]);
  expect(await test([{ ...good, remove: 'true' }])).toEqual(['good: check still passes after the removal']);
  await rm(join(state, 'g'), { force: true });
  expect(await test([good, { id: 'bad', always: true, change: 'exit 4' }])).toEqual([
    'bad: change failed with exit code 4',
  ]);
  expect(existsSync(join(state, 'g'))).toBe(false);
  await rm(state, { recursive: true });
});
