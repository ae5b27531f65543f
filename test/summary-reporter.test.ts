import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const HEAD = "import { beforeAll, describe, expect, test } from 'vitest';\n";

const FILES = {
  'mixed.test.ts': `${HEAD}
    test('good', () => {});
    test('bad', () => expect(1).toBe(2));
    let tries = 0;
    test('at last', { retry: 1 }, () => expect(tries++).toBe(1));
    test('left out', ({ skip }) => skip('for a reason'));
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

/** Another reporter, which says what the one before it has been told: a test's own output may come before that. */
const TOLD = `export default class {
  onTestCaseReady({ name }) { console.log('TOLD ' + name); }
  onTestModuleEnd({ relativeModuleId }) { console.log('TOLD ' + relativeModuleId); }
}`;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-summary-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** In an object, since whoever waits for a promise of a process waits for its end. */
async function vitest(files: Record<string, string>) {
  await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  for (const [name, text] of Object.entries({ ...files, 'told.mjs': TOLD }))
    await writeFile(join(dir, name), text);
  const reporters = ['default', join(ROOT, 'test/summary-reporter.ts'), './told.mjs'].map(
    (name) => `--reporter=${name}`,
  );
  const args = [
    join(ROOT, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--root',
    dir,
    '--maxWorkers=2',
    ...reporters,
  ];
  const env = { PATH: process.env['PATH'] };
  return { run: execa(process.execPath, args, { cwd: dir, env, extendEnv: false, reject: false }) };
}

test('the end names what failed or was not run, and counts what vitest saw, also outside of any test', async () => {
  const { run } = await vitest(FILES);
  const { exitCode, stdout } = await run;
  expect(exitCode).toBe(1);
  // Failed: `bad`, the hook, the file that does not load, the rejection that nobody handles.
  const end = stdout.trimEnd().split('\n').slice(-8);
  expect(end.at(-1)).toBe('4 passed, 4 failed, 2 skipped');
  expect(end.slice(0, 7).sort()).toEqual([
    expect.stringMatching(/^FAILED broken\.test\.ts: .*nowhere/),
    'FAILED hook.test.ts > group: no',
    'FAILED mixed.test.ts > bad: expected 1 to be 2 // Object.is equality',
    'FAILED outside of any test: nobody waits for this',
    'FLAKY mixed.test.ts > at last: expected +0 to be 1 // Object.is equality',
    'SKIPPED hook.test.ts > group > never runs',
    'SKIPPED mixed.test.ts > left out: for a reason',
  ]);
});

test('a run that is ended from outside names what runs and what has not ended', async () => {
  const { run } = await vitest({
    'quick.test.ts': `${HEAD} test('ends', () => {});`,
    'slow.test.ts': `${HEAD} test('hangs', () => new Promise(() => {}), 600_000);`,
  });
  let seen = '';
  run.stdout.on('data', (data: Buffer) => {
    seen += data.toString();
    if (seen.includes('TOLD hangs') && seen.includes('TOLD quick')) run.kill('SIGTERM');
  });
  const { exitCode, signal, stdout } = await run;
  expect(exitCode ?? signal).not.toBe(0);
  expect(stdout).toMatch(/^NOT ENDED slow\.test\.ts\nRUNNING slow\.test\.ts > hangs: for \d+ s$/m);
  expect(stdout).not.toContain('NOT ENDED quick');
});
