/** The step `push` against an agent, which runs here in place of a machine. */
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startAgent, type Agent } from '../../agent/agent.ts';
import { checkConfig } from '../../agent/config.ts';
import { now } from '../../env.ts';
import { generateKey } from '../../pattern/index.ts';
import { directoryBoot } from '../../update/testing.ts';
import { completeConfig } from './agent-config.ts';
import { push } from './push.ts';
import type { Scenario, ScenarioContext } from './types.ts';

const keys = { own: generateKey('ed25519', 'test'), stranger: generateKey('ed25519', 'test') };

let root: string;
let stop: AbortController;
let agent: Agent | undefined;
let port: number;

async function startHere(): Promise<void> {
  const config = completeConfig(
    {
      sources: { test: { allowPush: true } },
      ...{ state: '/state', listen: { address: '127.0.0.1', port } },
    },
    { key: keys.own, url: 'http://127.0.0.1:1' },
  );
  agent = await startAgent(checkConfig(config, ['test']), {
    ...{ root, metadata: 'http://127.0.0.1:1', now, version: 'test', arch: 'amd64', buildEpoch: 1000 },
    run: async () => ({ exit: 0, stdout: '', stderr: '' }),
    http: { fetch, signal: stop.signal, stall: 2000 },
    memory: () => 1,
    ...{ log: () => {}, exit: () => {} },
    boot: directoryBoot(join(root, 'esp')),
  });
  port = agent.port!;
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'osmith-push-'));
  await mkdir(join(root, 'run/osmith'), { recursive: true });
  await mkdir(join(root, 'state'));
  stop = new AbortController();
  port = 0;
  await startHere();
});

afterEach(async () => {
  stop.abort();
  await agent?.ended;
  await rm(root, { recursive: true, force: true });
});

/** What QEMU answers to `info usernet`. */
const usernet = () => `Hub -1 (net0):\r
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r
  TCP[HOST_FORWARD]  12       127.0.0.1  2222       10.0.2.15    22     0     0\r
  TCP[HOST_FORWARD]  13       127.0.0.1 ${port}       10.0.2.15  4000     0     0\r
`;

/** Runs the step; what failed, or undefined. */
async function run(params: object): Promise<string | undefined> {
  const context = {
    scenario: { file: join(root, 'scenarios/one.yaml') } as Scenario,
    ...{ keys, signal: stop.signal },
    vm: () => ({ log: '/log', qmp: { execute: async () => usernet() } }),
  } as unknown as ScenarioContext;
  const given = push.params.parse({ within: 20, ...params });
  await push.check?.(context.scenario, given);
  return push.run(context, given).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

const note = (path = 'note') => ({
  ...{ id: 'note', check: `test -e ${root}/${path}`, change: `touch ${root}/${path}` },
  remove: `rm ${root}/${path}`,
});
const broken = { id: 'broken', always: true, change: 'exit 7' };

test('tells what was changed, and when it is not what was expected', async () => {
  expect(await run({ commands: [note()], changed: ['note'] })).toBeUndefined();
  expect(await run({ commands: [note()], changed: [] })).toBeUndefined();
  expect(await run({ commands: [note()], changed: ['note'] })).toBe(
    'The push changed nothing, where note was expected',
  );
  expect(await run({ commands: [broken], removed: ['note'], err: 'exit code 7$' })).toBeUndefined();
  expect(await run({ commands: [broken] })).toBe(
    'The push went wrong: broken: change failed with exit code 7',
  );
  expect(await run({ commands: [], err: 'code 7' })).toBe(
    'The push was to fail with /code 7/, and did not fail',
  );
});

test('a stranger and an expired token are 404, and that is told', async () => {
  for (const signed of ['stranger', 'expired']) {
    expect(await run({ commands: [note()], signed, status: 404 })).toBeUndefined();
    expect(await run({ commands: [note()], signed })).toBe(
      'The push was answered with HTTP status 404, not 200',
    );
  }
  expect(await run({ commands: [note()], source: 'other', status: 404 })).toBeUndefined();
  expect(await run({ commands: [note()], changed: ['note'] })).toBeUndefined();
});

test('patterns are files of the workspace, and can import from all of it', async () => {
  await mkdir(join(root, 'patterns/lib'), { recursive: true });
  await writeFile(join(root, 'patterns/lib/note.libsonnet'), JSON.stringify(note()));
  await writeFile(
    join(root, 'patterns/one.jsonnet'),
    `{ run: [import 'lib/note.libsonnet', { id: std.extVar('vars').id, check: 'true' }] }`,
  );
  const given = { pattern: 'patterns/one.jsonnet', vars: { id: 'x' } };
  expect(await run({ ...given, changed: ['note'] })).toBeUndefined();
  // Before anything is started.
  await expect(run({ ...given, vars: {} })).rejects.toThrow(/id/);
  await expect(run({ pattern: 'patterns/two.jsonnet' })).rejects.toThrow(
    'There is no file patterns/two.jsonnet',
  );
  await expect(run({ pattern: '../two.jsonnet' })).rejects.toThrow(/outside/);
});

test('waits for an agent that has not started yet, but not for ever', async () => {
  stop.abort();
  await agent?.ended;
  stop = new AbortController();
  expect(await run({ commands: [note()], within: 1.5 })).toMatch(/^The agent did not answer within 1.5 s: /);
  const pushed = run({ commands: [note()], changed: ['note'] });
  await sleep(300);
  await startHere();
  expect(await pushed).toBeUndefined();
});
