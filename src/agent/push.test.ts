/** Orders that are pushed to an agent, and what it remembers of them. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatKey, generateKey, publicKeyOf } from '../pattern/index.ts';
import { send, token, useAgent } from './test-bench.ts';

const bench = useAgent();

const push = async (port: number, text: string, name = 'ops', query = '') => {
  const { status, body } = await send(port, `/v1/push/${name}${query}`, text);
  return { status, ...(body === '' ? {} : (JSON.parse(body) as object)) };
};

describe('push', () => {
  const sources = { ops: { allowPush: true }, pulled: {} };

  test('runs the commands, answers what changed, and removes what a later token lacks', async () => {
    const port = await bench.start({ sources });
    const first = await token([bench.file('one'), bench.file('two')]);
    expect(await push(port, first)).toEqual({
      status: 200,
      changed: ['one', 'two'],
      removed: [],
      err: '',
      exit: 0,
      stdout: [],
    });
    expect(await push(port, first)).toMatchObject({ changed: [], removed: [] });
    expect(await push(port, await token([bench.file('two')]))).toMatchObject({
      changed: [],
      removed: ['one'],
    });
    expect([await bench.exists('one'), await bench.exists('two')]).toEqual([false, true]);
  });

  test('commands for once leave what the source holds as it is', async () => {
    const port = await bench.start({ sources });
    await push(port, await token([bench.file('one')]));
    expect(await push(port, await token([bench.file('other')]), 'ops', '?once')).toMatchObject({
      changed: ['other'],
      removed: [],
    });
    expect(await bench.exists('one')).toBe(true);
  });

  test('what commands print for those who ask comes back', async () => {
    const port = await bench.start({ sources });
    const asking = { id: 'ask', always: true, change: 'echo 1; echo 2', onChange: ['osmith:stdout'] };
    const silent = { id: 'silent', always: true, change: 'echo 3' };
    expect(await push(port, await token([asking, silent]))).toMatchObject({ stdout: ['1\n2'] });
  });

  test('a command that fails is told', async () => {
    const port = await bench.start({ sources });
    const failing = await token([
      bench.file('one'),
      { id: 'bad', check: 'false', change: 'echo broken >&2; exit 3' },
    ]);
    const answer = (await push(port, failing)) as unknown as { err: string; exit: number; changed: string[] };
    expect(answer.changed).toContain('one');
    expect(answer.err).toContain('bad');
    expect(answer.exit).not.toBe(0);
  });

  test('whatever does not verify is not found, and nobody learns more', async () => {
    const port = await bench.start({ sources });
    const good = await token([bench.file('one')]);
    const soon = Math.floor(Date.now() / 1000) - 1;
    const refused: [text: string, name?: string][] = [
      ['', 'ops'],
      ['garbage'],
      [good.slice(0, -9)],
      [good, 'pulled'],
      [good, 'nobody'],
      [await token([bench.file('one')], { exp: soon })],
      [await token([bench.file('one')], {}, generateKey('ed25519', 'ops'))],
    ];
    for (const [text, name] of refused) expect(await push(port, text, name)).toEqual({ status: 404 });
    for (const path of ['/', '/v1/push/ops', '/v1/metrics', '/v1/metrics?key=wrong']) {
      expect(await send(port, path)).toEqual({ status: 404, body: '' });
    }
    expect(await bench.exists('one')).toBe(false);
  });

  test('too many requests are turned away', async () => {
    const port = await bench.start({
      sources,
      listen: { address: '127.0.0.1', port: 0, rate: 0.001, burst: 3 },
    });
    const statuses = [];
    for (let count = 0; count < 5; count += 1) statuses.push((await send(port, '/')).status);
    expect(statuses).toEqual([404, 404, 404, 429, 429]);
  });

  test('rules for tokens, variables, and variables of the token', async () => {
    const vars = { place: 'cellar' };
    const port = await bench.start({
      sources: { ops: { allowPush: true, jwtRule: "claims.sub == 'us'", vars } },
    });
    const commands = [
      { id: 'a', always: true, change: `echo "$place $colour" > ${join(bench.root, 'out')}` },
    ];
    expect(await push(port, await token(commands, { sub: 'them' }))).toEqual({ status: 404 });
    await push(port, await token(commands, { sub: 'us', runVars: { colour: 'red' } }));
    expect(await readFile(join(bench.root, 'out'), 'utf8')).toBe('cellar red\n');
  });
});

describe('after a restart', () => {
  test('the last token is run again, even if it expired since', async () => {
    const sources = { ops: { allowPush: true } };
    const port = await bench.start({ sources });
    const exp = Math.floor(Date.now() / 1000) + 60;
    await push(port, await token([bench.file('one')], { exp }));
    await bench.end();
    await rm(join(bench.root, 'one'));
    await bench.start({ sources }, () => Date.now() + 9_000_000);
    await bench.until(async () => bench.exists('one'), 'the file');
    // It knows what to remove, too.
    await bench.end();
    const again = await bench.start({ sources });
    expect(await push(again, await token([]))).toMatchObject({ removed: ['one'] });
  });

  test('noRestore forgets, and a key that is trusted no more counts no more', async () => {
    const port = await bench.start({ sources: { ops: { allowPush: true } } });
    await push(port, await token([bench.file('one')]));
    for (const config of [
      { sources: { ops: { allowPush: true, noRestore: true } } },
      {
        verifyKeys: [formatKey(publicKeyOf(generateKey('ed25519', 'new')))],
        sources: { ops: { allowPush: true } },
      },
    ]) {
      await bench.end();
      await rm(join(bench.root, 'one'), { force: true });
      await bench.start(config);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await bench.exists('one')).toBe(false);
    }
  });

  test('a state file that is damaged is passed over for the one before', async () => {
    const sources = { ops: { allowPush: true } };
    const port = await bench.start({ sources });
    await push(port, await token([bench.file('one')]));
    await push(port, await token([bench.file('one'), bench.file('two')]));
    await bench.end();
    await writeFile(join(bench.root, 'state/ops.0'), 'garbage');
    await rm(join(bench.root, 'one'));
    await rm(join(bench.root, 'two'));
    await bench.start({ sources });
    await bench.until(async () => bench.exists('one'), 'the file');
    expect(await bench.exists('two')).toBe(false);
  });
});
