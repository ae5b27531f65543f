import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runCommands } from './engine.ts';
import { resolveExec, scriptArgv } from './exec.ts';
import { printed, useCommands } from './test-bench.ts';
import type { Command, Exec } from './types.ts';

const bench = useCommands();

test('levels of exec count only as far as those above allow', () => {
  const up: Exec = { user: 'a', env: { X: '1' }, allowOverride: true };
  expect(resolveExec([]).exec.command).toBe('bash -e -o pipefail -c');
  expect(resolveExec([up, { workDir: '/w', env: { Y: '2' } }])).toEqual({
    exec: {
      command: 'bash -e -o pipefail -c',
      user: 'a',
      env: { X: '1', Y: '2' },
      workDir: '/w',
      allowOverride: false,
    },
    ignored: false,
  });
  expect(resolveExec([{ user: 'a' }, { user: 'root', allowOverride: true }, { user: 'b' }])).toMatchObject({
    exec: { user: 'a' },
    ignored: true,
  });
  expect(resolveExec([up, { user: 'b' }, { user: 'c' }])).toMatchObject({
    exec: { user: 'b' },
    ignored: true,
  });
});

test('containers', () => {
  const exec: Exec = {
    ...{ command: 'sh -c', containerImage: 'debian', containerNetwork: 'none', containerPull: 'never' },
    ...{ containerVolumes: ['/a:/b'], containerPrivileged: true },
  };
  expect(scriptArgv(exec, 'echo $X', ['X']).join(' ')).toBe(
    'docker run --rm --interactive --network none --privileged --pull never --volume /a:/b --env X debian sh -c echo $X',
  );
});

test('scripts get the environment, directory and input that they are meant to have, and no other', async () => {
  process.env['OSMITH_TEST_SECRET'] = 'leak';
  const commands = (exec?: Exec): Command[] => [
    {
      id: 'a',
      always: true,
      stdin: 'in\n',
      exec,
      change: 'cat; echo "$V $W ${OSMITH_TEST_SECRET-none}"; pwd',
      onChange: ['osmith:stdout'],
    },
  ];
  const env = { V: 'v', W: 'w' };
  const plain = await bench.run(commands({ env: { W: 'mine' } }), { env });
  expect(printed(plain)).toEqual([`in\nv mine none\n${bench.dir}`]);
  const inheriting = await bench.run(commands({ envInherit: true, workDir: '/' }), { env });
  expect(printed(inheriting)).toEqual(['in\nv w leak\n/']);
  delete process.env['OSMITH_TEST_SECRET'];
});

test('a script runs as another user', async () => {
  const exec: Exec = process.getuid?.() === 0 ? { user: 'nobody' } : { user: String(process.getuid?.()) };
  const report = await bench.run([
    { id: 'a', always: true, exec: { ...exec, workDir: '/' }, change: 'id -un', onChange: ['osmith:stdout'] },
  ]);
  if (process.getuid?.() === 0) expect(printed(report)).toEqual(['nobody']);
  expect(report.err).toBe('');
  const unknown = await bench.run([
    { id: 'a', always: true, exec: { user: 'no-such-user' }, change: 'true' },
  ]);
  expect(unknown.failed).toMatchObject({ exit: 126, tail: ['There is no user no-such-user'] });
});

test('bash is the default, and a pipe fails as a whole', async () => {
  const report = await runCommands({
    commands: [{ id: 'a', always: true, change: 'false | true' }],
    mode: 'change',
  });
  expect(report.failed).toMatchObject({ exit: 1 });
});

test('stopping ends the script with its children, and the run', async () => {
  const controller = new AbortController();
  const marker = join(bench.dir, 'survived');
  const commands: Command[] = [
    { id: 'slow', always: true, change: `(sleep 2; touch ${marker}) & sleep 60` },
    { id: 'never', always: true, change: `touch ${marker}` },
  ];
  setTimeout(() => controller.abort(), 200);
  const started = Date.now();
  const report = await bench.run(commands, { signal: controller.signal });
  expect(Date.now() - started).toBeLessThan(2000);
  expect(report).toMatchObject({ changed: [], err: 'slow: change was stopped' });
  await sleep(2200);
  expect(existsSync(marker)).toBe(false);
});

test('what a script leaves in the background does not hold the run up', async () => {
  const started = Date.now();
  const report = await bench.run([
    { id: 'daemon', always: true, change: 'sleep 5 & echo started', onChange: ['osmith:stdout'] },
  ]);
  expect(printed(report)).toEqual(['started']);
  expect(Date.now() - started).toBeLessThan(3000);
});
