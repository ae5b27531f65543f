/** What an agent does by itself: pulls, events, webhooks, updates. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GRUBENV, parseEnvironment } from '../disk/boot-slots.ts';
import { build, freshBoot, NAME, noise, publish, type TestServer } from '../update/testing.ts';
import { key, send, token, useAgent } from './test-bench.ts';

const bench = useAgent();

describe('pull', () => {
  test('the first place with a token that verifies counts, again and again, never an older one', async () => {
    const server = await bench.serve();
    server.files.set('bad.jwt', Buffer.from('garbage'));
    server.files.set('good.jwt', Buffer.from(await token([bench.file('one')], { iat: 2000 })));
    const pullPaths = [`${server.url}/none.jwt`, `${server.url}/bad.jwt`, `${server.url}/good.jwt`];
    await bench.start({ sources: { web: { pullPaths, runFrequencySec: 1 } } });
    await bench.until(async () => bench.exists('one'), 'the first file');
    server.files.set('good.jwt', Buffer.from(await token([bench.file('two')], { iat: 3000 })));
    await bench.until(async () => (await bench.exists('two')) && !(await bench.exists('one')), 'the change');
    server.files.set('good.jwt', Buffer.from(await token([bench.file('one')], { iat: 2000 })));
    await bench.until(
      () => bench.lines.some((line) => line.includes('older than the one that is in use')),
      'the refusal',
    );
    // What drifts is put right, though nothing new is published.
    await rm(join(bench.root, 'two'));
    await bench.until(async () => bench.exists('two'), 'the correction');
  });

  test('from a file, and only to check', async () => {
    await writeFile(join(bench.root, 'p.jwt'), await token([bench.file('one')]));
    await bench.start({
      sources: { local: { pullPaths: [join(bench.root, 'p.jwt')], checkOnly: true } },
      metricsKey: 'secret12',
    });
    await bench.until(
      () => /osmith_runs_total\{source="local"\} 1/.test(bench.agent!.metrics.text()),
      'the run',
    );
    expect(await bench.exists('one')).toBe(false);
  });
});

describe('events, webhooks, metrics', () => {
  test('a webhook runs its source, and an event makes another one run', async () => {
    const out = join(bench.root, 'out');
    const port = await bench.start({
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
    await bench.until(
      () => /osmith_runs_total\{source="other"\} 2/.test(bench.agent!.metrics.text()),
      'the first runs',
    );
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
    await bench.start({ sources: { local: { pullPaths: ['/nowhere'] } } });
    expect(bench.agent!.port).toBeUndefined();
  });
});

describe('update', () => {
  const old = build('1', 1000, noise('old', 200_000));
  const next = build('2', 2000, noise('new', 200_000));

  async function prepare(): Promise<TestServer> {
    const server = await bench.serve();
    await mkdir(join(bench.root, 'esp'));
    await freshBoot(join(bench.root, 'esp'), old);
    await publish(server, next, key, bench.root);
    await mkdir(join(bench.root, 'proc'));
    await writeFile(
      join(bench.root, 'proc/cmdline'),
      `quiet osmith.build=${old.system.build} osmith.slot=a\n`,
    );
    return server;
  }

  const environment = async () => parseEnvironment(await readFile(join(bench.root, 'esp', GRUBENV), 'utf8'));

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
    await bench.start({ update: { url: `${url}/`, reboot, runRandomDelaySec: 0, tries: 1 } });
    await bench.until(async () => (await environment()).trial !== undefined, 'the trial');
    await bench.until(
      () => bench.agent!.metrics.text().includes('osmith_update_phase{phase="pending"} 1'),
      'the phase',
    );
    expect(bench.programs.filter((argv) => argv.includes('reboot'))).toEqual(expected);
    expect(await environment()).toMatchObject({ slot: 'a', trial: { slot: 'b', left: 1 } });
  });

  test('a calendar event that is none is refused at the start', async () => {
    await expect(bench.start({ update: { url: 'http://127.0.0.1:1', reboot: 'nonsense' } })).rejects.toThrow(
      /no calendar event/,
    );
  });

  test('its failures are told and counted, and it goes on', async () => {
    const server = await prepare();
    server.files.set(`${NAME}.jwt`, Buffer.from('garbage'));
    await bench.start({
      metricsKey: 'secret12',
      update: { url: server.url, runRandomDelaySec: 0, runFrequencySec: 60 },
    });
    await bench.until(
      () => bench.lines.some((line) => line.startsWith('update: This is not a token')),
      'the complaint',
    );
    await bench.until(
      () => bench.agent!.metrics.text().includes('osmith_updates_total{result="failed"} 1'),
      'the count',
    );
    expect(await environment()).toEqual({ slot: 'a' });
  });
});
