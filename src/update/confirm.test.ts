import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GRUBENV, parseEnvironment } from '../disk/boot-slots.ts';
import { endTrial } from './confirm.ts';
import { espSlots } from './esp-slots.ts';
import { runProgram, type RunProgram } from './programs.ts';
import type { SlotAccess } from './slot-store.ts';
import { useBench } from './test-bench.ts';

const bench = useBench();

async function trial(answers: (number | 'no disk' | 'hangs')[], within = 3000): Promise<string[]> {
  const own = espSlots(bench.boot);
  await own.readWrite(async (store) =>
    store.setEnvironment({ slot: 'a', trial: { slot: 'b', left: 1 }, unproven: 'b' }),
  );
  const lines: string[] = [];
  let disk = true;
  const run: RunProgram = async (_argv, signal) => {
    const next = answers.length > 1 ? answers.shift()! : answers[0]!;
    if (next === 'hangs') return runProgram(['sleep', '600'], signal);
    disk = next !== 'no disk';
    return { exit: next === 'no disk' ? 0 : next, stdout: 'starting', stderr: '' };
  };
  const slots: SlotAccess = {
    ...own,
    readWrite: async (use) => {
      if (!disk) throw new Error('No disk has a partition with the label OSMITH');
      return own.readWrite(use);
    },
  };
  const running = { slot: 'b' as const, build: 'x', trial: true };
  const context = {
    running,
    slots,
    run,
    signal: new AbortController().signal,
    log: (line: string) => lines.push(line),
  };
  await endTrial(context, { health: ['healthy'], within, interval: 10 });
  return lines;
}

const environment = async () => parseEnvironment(await readFile(join(bench.root, GRUBENV), 'utf8'));

test('a system that becomes healthy is confirmed, however late the disk shows up', async () => {
  expect(await trial([1, 1, 'no disk', 'no disk', 0])).toEqual([
    'not healthy yet: healthy: starting',
    'not healthy yet: cannot be confirmed: No disk has a partition with the label OSMITH',
    'this system is healthy: it is the one that is booted from now on',
  ]);
  expect(await environment()).toEqual({ slot: 'b' });
});

test('one that does not is left on trial', async () => {
  await expect(trial([1], 200)).rejects.toThrow(
    'This system did not become healthy in 0.2 s: healthy: starting',
  );
  expect(await environment()).toEqual({ slot: 'a', trial: { slot: 'b', left: 1 }, unproven: 'b' });
});

test('a look that is broken off does not hide what was missing before', async () => {
  await expect(trial([1, 'hangs'], 300)).rejects.toThrow(/^This system .* in 0\.3 s: healthy: starting$/);
  await expect(trial(['hangs'], 300)).rejects.toThrow(/ in 0\.3 s: healthy has not come to an end$/);
});
