import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GRUBENV, parseEnvironment } from '../disk/boot-slots.ts';
import { formatKey, generateKey, publicKeyOf, signJwt, type Claims, type Key } from '../pattern/index.ts';
import type { RunProgram } from '../update/programs.ts';
import {
  build,
  directoryBoot,
  freshBoot,
  NAME,
  noise,
  publish,
  serve,
  type TestServer,
} from '../update/testing.ts';
import { startAgent, type Agent } from './agent.ts';
import { checkConfig } from './config.ts';

const key = generateKey('ed25519', 'ops');
const verifyKeys = [formatKey(publicKeyOf(key))];

let root: string;
let stop: AbortController;
let agent: Agent | undefined;
let lines: string[];
let programs: string[][];
let servers: TestServer[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'osmith-agent-'));
  await mkdir(join(root, 'run/osmith'), { recursive: true });
  await mkdir(join(root, 'state'));
  [lines, programs, servers] = [[], [], []];
});

afterEach(async () => {
  await end();
  for (const server of servers) await server.close();
  await rm(root, { recursive: true, force: true });
});

async function end(): Promise<void> {
  stop?.abort();
  await agent?.ended;
  agent = undefined;
}

const run: RunProgram = async (argv) => {
  programs.push([...argv]);
  return { exit: argv.includes('nonsense') ? 1 : 0, stdout: '', stderr: '' };
};

async function start(config: object, now = () => Date.now()): Promise<number> {
  stop = new AbortController();
  const base = {
    verifyKeys,
    state: '/state',
    listen: { address: '127.0.0.1', port: 0, rate: 1000, burst: 1000 },
  };
  agent = await startAgent(checkConfig({ ...base, ...config }, ['test']), {
    ...{ root, metadata: 'http://127.0.0.1:1', run, now, version: 'test', buildEpoch: 1000 },
    http: { fetch, signal: stop.signal, stall: 2000 },
    memory: () => 1,
    log: (line) => lines.push(line),
    exit: () => {},
    boot: directoryBoot(join(root, 'esp')),
  });
  return agent.port ?? 0;
}

interface Command {
  id: string;
  [option: string]: unknown;
}

async function token(commands: Command[], claims: Claims = {}, signer: Key = key): Promise<string> {
  const files = { 'main.json': JSON.stringify({ run: commands }) };
  const iat = Math.floor(Date.now() / 1000);
  return signJwt({ iat, pattern: { entrypoint: 'main.json', files }, ...claims }, signer);
}

/** A command that makes a file, and takes it away. */
function file(name: string, more: object = {}): Command {
  const path = join(root, name);
  return { id: name, check: `test -e ${path}`, change: `touch ${path}`, remove: `rm ${path}`, ...more };
}

const exists = async (name: string) =>
  readFile(join(root, name)).then(
    () => true,
    () => false,
  );

interface Reply {
  status: number;
  body: string;
}

async function send(port: number, path: string, body?: string, headers = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const options = {
      host: '127.0.0.1',
      port,
      path,
      method,
      headers,
      rejectUnauthorized: false,
      agent: false as const,
    };
    const out = request(options, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, body: text }));
    });
    out.on('error', reject);
    out.end(body);
  });
}

const push = async (port: number, text: string, name = 'ops', query = '') => {
  const { status, body } = await send(port, `/v1/push/${name}${query}`, text);
  return { status, ...(body === '' ? {} : (JSON.parse(body) as object)) };
};

async function until(check: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${what} did not happen; the log: ${lines.join('\n')}`);
}

describe('push', () => {
  const sources = { ops: { allowPush: true }, pulled: {} };

  test('runs the commands, answers what changed, and removes what a later token lacks', async () => {
    const port = await start({ sources });
    const first = await token([file('one'), file('two')]);
    expect(await push(port, first)).toEqual({
      status: 200,
      changed: ['one', 'two'],
      removed: [],
      err: '',
      exit: 0,
    });
    expect(await push(port, first)).toMatchObject({ changed: [], removed: [] });
    expect(await push(port, await token([file('two')]))).toMatchObject({ changed: [], removed: ['one'] });
    expect([await exists('one'), await exists('two')]).toEqual([false, true]);
  });

  test('commands for once leave what the source holds as it is', async () => {
    const port = await start({ sources });
    await push(port, await token([file('one')]));
    expect(await push(port, await token([file('other')]), 'ops', '?once')).toMatchObject({
      changed: ['other'],
      removed: [],
    });
    expect(await exists('one')).toBe(true);
  });

  test('a command that fails is told', async () => {
    const port = await start({ sources });
    const failing = await token([
      file('one'),
      { id: 'bad', check: 'false', change: 'echo broken >&2; exit 3' },
    ]);
    const answer = (await push(port, failing)) as unknown as { err: string; exit: number; changed: string[] };
    expect(answer.changed).toContain('one');
    expect(answer.err).toContain('bad');
    expect(answer.exit).not.toBe(0);
  });

  test('whatever does not verify is not found, and nobody learns more', async () => {
    const port = await start({ sources });
    const good = await token([file('one')]);
    const soon = Math.floor(Date.now() / 1000) - 1;
    const refused: [text: string, name?: string][] = [
      ['', 'ops'],
      ['garbage'],
      [good.slice(0, -9)],
      [good, 'pulled'],
      [good, 'nobody'],
      [await token([file('one')], { exp: soon })],
      [await token([file('one')], {}, generateKey('ed25519', 'ops'))],
    ];
    for (const [text, name] of refused) expect(await push(port, text, name)).toEqual({ status: 404 });
    for (const path of ['/', '/v1/push/ops', '/v1/metrics', '/v1/metrics?key=wrong']) {
      expect(await send(port, path)).toEqual({ status: 404, body: '' });
    }
    expect(await exists('one')).toBe(false);
  });

  test('too many requests are turned away', async () => {
    const port = await start({ sources, listen: { address: '127.0.0.1', port: 0, rate: 0.001, burst: 3 } });
    const statuses = [];
    for (let count = 0; count < 5; count += 1) statuses.push((await send(port, '/')).status);
    expect(statuses).toEqual([404, 404, 404, 429, 429]);
  });

  test('rules for tokens, variables, and variables of the token', async () => {
    const vars = { place: 'cellar' };
    const port = await start({ sources: { ops: { allowPush: true, jwtRule: "claims.sub == 'us'", vars } } });
    const commands = [{ id: 'a', always: true, change: `echo "$place $colour" > ${join(root, 'out')}` }];
    expect(await push(port, await token(commands, { sub: 'them' }))).toEqual({ status: 404 });
    await push(port, await token(commands, { sub: 'us', runVars: { colour: 'red' } }));
    expect(await readFile(join(root, 'out'), 'utf8')).toBe('cellar red\n');
  });
});

describe('after a restart', () => {
  test('the last token is run again, even if it expired since', async () => {
    const sources = { ops: { allowPush: true } };
    const port = await start({ sources });
    const exp = Math.floor(Date.now() / 1000) + 60;
    await push(port, await token([file('one')], { exp }));
    await end();
    await rm(join(root, 'one'));
    await start({ sources }, () => Date.now() + 9_000_000);
    await until(async () => exists('one'), 'the file');
    // It knows what to remove, too.
    await end();
    const again = await start({ sources });
    expect(await push(again, await token([]))).toMatchObject({ removed: ['one'] });
  });

  test('noRestore forgets, and a key that is trusted no more counts no more', async () => {
    const port = await start({ sources: { ops: { allowPush: true } } });
    await push(port, await token([file('one')]));
    for (const config of [
      { sources: { ops: { allowPush: true, noRestore: true } } },
      {
        verifyKeys: [formatKey(publicKeyOf(generateKey('ed25519', 'new')))],
        sources: { ops: { allowPush: true } },
      },
    ]) {
      await end();
      await rm(join(root, 'one'), { force: true });
      await start(config);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await exists('one')).toBe(false);
    }
  });

  test('a state file that is damaged is passed over for the one before', async () => {
    const sources = { ops: { allowPush: true } };
    const port = await start({ sources });
    await push(port, await token([file('one')]));
    await push(port, await token([file('one'), file('two')]));
    await end();
    await writeFile(join(root, 'state/ops.0'), 'garbage');
    await rm(join(root, 'one'));
    await rm(join(root, 'two'));
    await start({ sources });
    await until(async () => exists('one'), 'the file');
    expect(await exists('two')).toBe(false);
  });
});

describe('pull', () => {
  test('the first place with a token that verifies counts, again and again, never an older one', async () => {
    const server = await serve();
    servers.push(server);
    server.files.set('bad.jwt', Buffer.from('garbage'));
    server.files.set('good.jwt', Buffer.from(await token([file('one')], { iat: 2000 })));
    const pullPaths = [`${server.url}/none.jwt`, `${server.url}/bad.jwt`, `${server.url}/good.jwt`];
    await start({ sources: { web: { pullPaths, runFrequencySec: 1 } } });
    await until(async () => exists('one'), 'the first file');
    server.files.set('good.jwt', Buffer.from(await token([file('two')], { iat: 3000 })));
    await until(async () => (await exists('two')) && !(await exists('one')), 'the change');
    server.files.set('good.jwt', Buffer.from(await token([file('one')], { iat: 2000 })));
    await until(
      () => lines.some((line) => line.includes('older than the one that is in use')),
      'the refusal',
    );
    // What drifts is put right, though nothing new is published.
    await rm(join(root, 'two'));
    await until(async () => exists('two'), 'the correction');
  });

  test('from a file, and only to check', async () => {
    await writeFile(join(root, 'p.jwt'), await token([file('one')]));
    await start({
      sources: { local: { pullPaths: [join(root, 'p.jwt')], checkOnly: true } },
      metricsKey: 'secret12',
    });
    await until(() => /osmith_runs_total\{source="local"\} 1/.test(agent!.metrics.text()), 'the run');
    expect(await exists('one')).toBe(false);
  });
});

describe('events, webhooks, metrics', () => {
  test('a webhook runs its source, and an event makes another one run', async () => {
    const out = join(root, 'out');
    const port = await start({
      metricsKey: 'secret12',
      sources: {
        hook: {
          webhookPaths: ['/deploy'],
          eventsSend: ['deployed'],
          commands: [
            {
              id: 'a',
              always: true,
              change: 'echo "got $OSMITH_WEBHOOK_BODY"',
              onChange: ['osmith:webhookBody', 'osmith:deployed', 'osmith:private'],
            },
          ],
        },
        other: {
          eventsReceive: ['deploy.*', 'private'],
          commands: [{ id: 'b', always: true, change: `echo "$OSMITH_EVENT $OSMITH_EVENT_VALUE" >> ${out}` }],
        },
      },
    });
    await until(() => /osmith_runs_total\{source="other"\} 2/.test(agent!.metrics.text()), 'the first runs');
    await rm(out, { force: true });
    expect(await send(port, '/deploy', 'version 7')).toEqual({ status: 200, body: 'got version 7' });
    expect(await readFile(out, 'utf8')).toBe('deployed got version 7\n');
    const { status, body } = await send(port, '/v1/metrics', undefined, { authorization: 'Bearer secret12' });
    expect(status).toBe(200);
    expect(body).toMatch(/^# HELP osmith_agent_info .*\n# TYPE osmith_agent_info gauge\n/m);
    expect(body).toContain('osmith_runs_total{source="hook"} 2');
    expect((await send(port, '/v1/metrics?key=secret12')).status).toBe(200);
  });

  test('nothing listens unless something needs it', async () => {
    await start({ sources: { local: { pullPaths: ['/nowhere'] } } });
    expect(agent!.port).toBeUndefined();
  });
});

describe('update', () => {
  const old = build('1', 1000, noise('old', 200_000));
  const next = build('2', 2000, noise('new', 200_000));

  async function prepare(): Promise<TestServer> {
    const server = await serve();
    servers.push(server);
    await mkdir(join(root, 'esp'));
    await freshBoot(join(root, 'esp'), old);
    await publish(server, next, key, root);
    await mkdir(join(root, 'proc'));
    await writeFile(join(root, 'proc/cmdline'), `quiet osmith.build=${old.system.build} osmith.slot=a\n`);
    return server;
  }

  const environment = async () => parseEnvironment(await readFile(join(root, 'esp', GRUBENV), 'utf8'));

  test.each([
    ['never', []],
    ['now', [['systemctl', 'reboot']]],
    [
      'Sat 03:00',
      [
        [
          ...['systemd-run', '--quiet', '--collect', '--unit=osmith-reboot', '--on-calendar=Sat 03:00'],
          ...['systemctl', 'reboot'],
        ],
      ],
    ],
  ])('is installed, and the reboot is arranged: %s', async (reboot, expected) => {
    const { url } = await prepare();
    await start({ update: { url: `${url}/`, reboot, runRandomDelaySec: 0, tries: 1 } });
    await until(async () => (await environment()).trial !== undefined, 'the trial');
    await until(() => agent!.metrics.text().includes('osmith_update_phase{phase="pending"} 1'), 'the phase');
    expect(programs.filter((argv) => argv.includes('reboot'))).toEqual(expected);
    expect(await environment()).toMatchObject({ slot: 'a', trial: { slot: 'b', left: 1 } });
  });

  test('a calendar event that is none is refused at the start', async () => {
    await expect(start({ update: { url: 'http://127.0.0.1:1', reboot: 'nonsense' } })).rejects.toThrow(
      /no calendar event/,
    );
  });

  test('its failures are told and counted, and it goes on', async () => {
    const server = await prepare();
    server.files.set(`${NAME}.jwt`, Buffer.from('garbage'));
    await start({
      metricsKey: 'secret12',
      update: { url: server.url, runRandomDelaySec: 0, runFrequencySec: 60 },
    });
    await until(() => lines.some((line) => line.startsWith('update: This is not a token')), 'the complaint');
    await until(() => agent!.metrics.text().includes('osmith_updates_total{result="failed"} 1'), 'the count');
    expect(await environment()).toEqual({ slot: 'a' });
  });
});
