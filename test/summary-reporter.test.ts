import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const HEAD = "import { beforeAll, describe, expect, test } from 'vitest';\n";

const FILES = {
  'mixed.test.ts': `${HEAD}
    test('good', () => {});
    test('bad', () => expect(1).toBe(2));
    let tries = 0;
    test('at last', { retry: 1 }, () => expect(tries++).toBe(1));
    test.skip('left out', () => {});
    describe('group', () => { test('inside', () => {}); });`,
  'hook.test.ts': `${HEAD}
    describe('group', () => {
      beforeAll(() => { throw new Error('no'); });
      test('never runs', () => {});
    });`,
  'broken.test.ts': "import './nowhere.ts';",
  'late.test.ts': `${HEAD}
    test('good, but', () => void Promise.reject(new Error('nobody waits for this')));`,
};

test('the end names what failed and counts what vitest saw, also outside of any test', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'osmith-summary-'));
  try {
    await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(dir, name), text);
    const reporters = ['default', join(ROOT, 'test/summary-reporter.ts')].map((name) => `--reporter=${name}`);
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    const args = [vitest, 'run', '--root', dir, ...reporters];
    const run = promisify(execFile)(process.execPath, args, { cwd: dir, env: { PATH: process.env['PATH'] } });
    const outcome = await run.then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: { code: number; stdout: string }) => error,
    );
    expect(outcome.code).toBe(1);
    // Failed: `bad`, the hook, the file that does not load, the rejection that nobody handles.
    const end = outcome.stdout.trimEnd().split('\n').slice(-6);
    expect(end.at(-1)).toBe('4 passed, 4 failed, 2 skipped');
    expect(end.slice(0, 5).sort()).toEqual([
      expect.stringMatching(/^FAILED broken\.test\.ts: .*nowhere/),
      'FAILED hook.test.ts > group: no',
      'FAILED mixed.test.ts > bad: expected 1 to be 2 // Object.is equality',
      'FAILED outside of any test: nobody waits for this',
      'FLAKY mixed.test.ts > at last: expected +0 to be 1 // Object.is equality',
    ]);
  } finally {
    await rm(dir, { recursive: true });
  }
});
