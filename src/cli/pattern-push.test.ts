/** Pushes by the real command line to real agents. */
import { execFileSync } from 'node:child_process';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttps } from 'node:https';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { selfSigned } from '../agent/certificate.ts';
import { key, token, useAgent } from '../agent/test-bench.ts';
import { formatKey, generateKey, type Key } from '../pattern/index.ts';
import { ROOT } from './globals.ts';

const bench = useAgent();
const sources = { ops: { allowPush: true }, other: { allowPush: true, jwtRule: "claims.sub == 'x'" } };

let servers: Server[] = [];
afterEach(() => {
  for (const server of servers) server.close();
  servers = [];
});

beforeEach(async () => {
  await writeKey('ops.key', key);
  const f = join(bench.root, 'flag');
  const run = [{ id: 'f', check: `test -e ${f}`, change: `touch ${f}`, remove: `rm ${f}` }];
  await writeFile(join(bench.root, 'flag.json'), JSON.stringify({ run }));
});

async function writeKey(name: string, value: Key): Promise<void> {
  await writeFile(join(bench.root, name), formatKey(value));
  await chmod(join(bench.root, name), 0o600);
}

interface Result {
  exit: number;
  stdout: string;
  stderr: string;
}

/** `osmith pattern push ARGS...`, beside the agents of this process. */
async function push(...args: string[]): Promise<Result> {
  const env = { XDG_CONFIG_HOME: join(bench.root, 'config'), OSMITH_SIGN_KEY: join(bench.root, 'ops.key') };
  const options = { cwd: bench.root, env, reject: false, stdin: 'ignore' } as const;
  const { exitCode, stdout, stderr } = await execa(
    join(ROOT, 'osmith'),
    ['pattern', 'push', ...args],
    options,
  );
  return { exit: exitCode ?? -1, stdout, stderr };
}

/** The fingerprint that the agent logged. */
function fingerprint(): string {
  return /fingerprint (\S+)/.exec(bench.lines.join('\n'))![1]!;
}

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a pattern is kept by the machine: what a later one lacks is removed; --once changes nothing about that', async () => {
  const host = `127.0.0.1:${await bench.start({ sources })}`;
  const pin = ['--fingerprint', fingerprint()];
  expect(await push('--pattern', 'flag.json', ...pin, host)).toEqual({
    ...{ exit: 0, stdout: `${host}  changed  f`, stderr: '' },
  });
  expect(await push('--pattern', 'flag.json', ...pin, host)).toMatchObject({
    stdout: `${host}  nothing to do`,
  });
  await writeFile(join(bench.root, 'empty.json'), '{}');
  await push('--pattern', 'empty.json', '--once', ...pin, host);
  expect(await bench.exists('flag')).toBe(true);
  expect(await push('--pattern', 'empty.json', ...pin, host)).toMatchObject({
    stdout: `${host}  removed  f`,
  });
  expect(await bench.exists('flag')).toBe(false);
});

test('commands of the command line run once, in order, and what they print comes back', async () => {
  const host = `127.0.0.1:${await bench.start({ sources })}`;
  await writeFile(join(bench.root, 'sent.jwt'), await token([bench.file('kept')]));
  await push('--pattern', 'sent.jwt', '--insecure', host);
  const args = ['--command', 'echo "$who"; printf "\\033[31m\\n"', '--command', 'echo 2', '--var', 'who=me'];
  const asked = await push(...args, '--insecure', host);
  expect(asked.stdout.split('\n')).toEqual([
    `${host}  changed  command-1`,
    `${host}  changed  command-2`,
    `${host}  | me`,
    `${host}  |  [31m`, // no escape sequence reaches the terminal
    `${host}  | 2`,
  ]);
  expect(await bench.exists('kept')).toBe(true);
  const json = await push('--json', ...args, '--insecure', host);
  expect(JSON.parse(json.stdout)).toMatchObject({
    ...{ type: 'push', host, ok: true, changed: ['command-1', 'command-2'], exit: 0 },
    stdout: ['me\n\u001b[31m', '2'],
  });
  const failed = await push('--command', 'echo why >&2; exit 3', '--insecure', host);
  expect(failed).toMatchObject({ exit: 1, stderr: expect.stringContaining('E_COMMAND') as string });
  expect(failed.stdout).toContain(`${host}  FAILED  command-1: change failed with exit code 3`);
});

describe('who answers must be known, before anything is sent', () => {
  test('an unknown certificate, a wrong fingerprint, one for another host', async () => {
    const host = `127.0.0.1:${await bench.start({ sources })}`;
    const order = ['--pattern', 'flag.json', host];
    const unknown = await push(...order);
    expect(unknown).toMatchObject({ exit: 5 });
    expect(unknown.stderr).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(unknown.stderr).toContain(fingerprint());
    const wrong = '00'.repeat(32);
    expect(await push('--fingerprint', wrong, ...order)).toMatchObject({ exit: 5 });
    expect(await push('--fingerprint', `${host}=${wrong}`, ...order)).toMatchObject({ exit: 5 });
    expect(await push('--fingerprint', `elsewhere=${fingerprint()}`, ...order)).toMatchObject({ exit: 2 });
    expect(await push('--fingerprint', 'garbage', ...order)).toMatchObject({ exit: 2 });
    expect(await bench.exists('flag')).toBe(false);
    expect(bench.agent!.metrics.text()).not.toContain('osmith_requests_total');
    const plain = fingerprint().replaceAll(':', '').toLowerCase();
    expect(await push('--fingerprint', `${host}=${plain}`, ...order)).toMatchObject({ exit: 0 });
  });

  test('an authority of your own vouches for the name, and for no other', async () => {
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: bench.root, stdio: 'pipe' });
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl('req', '-x509', ...ec, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ours');
    for (const [name, san] of [
      ['good', 'IP:127.0.0.1'],
      ['bad', 'DNS:elsewhere'],
    ] as const) {
      openssl('req', ...ec, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
      await writeFile(join(bench.root, 'ext'), `subjectAltName=${san}`);
      const sign = ['-req', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'ext'];
      openssl('x509', ...sign, '-in', `${name}.csr`, '-out', `${name}.pem`);
      const pem = (extension: string) => join(bench.root, `${name}.${extension}`);
      const at = { address: '127.0.0.1', port: 0, certificate: pem('pem'), key: pem('key') };
      const host = `127.0.0.1:${await bench.start({ sources, listen: at })}`;
      const pushed = await push('--ca', 'ca.pem', '--pattern', 'flag.json', host);
      expect(pushed.exit, pushed.stderr).toBe(name === 'good' ? 0 : 5);
      if (name === 'bad') expect(pushed.stderr).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
      expect(await push('--pattern', 'flag.json', host)).toMatchObject({ exit: 5 });
      await bench.end();
      await rm(join(bench.root, 'flag'), { force: true });
    }
  });
});

test('several machines: each is told, and the worst decides how it ends', async () => {
  const good = `127.0.0.1:${await bench.start({ sources })}`;
  const silent = await listen(createServer(() => {}));
  const garbage = await listen(createServer((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\n')));
  const made = selfSigned('other');
  const web = createHttps({ cert: made.certificate, key: made.key }, (_request, response) =>
    response.end('welcome'),
  );
  const other = await listen(web);
  const closed = createServer();
  const nobody = await listen(closed);
  await new Promise((resolve) => closed.close(resolve));

  const hosts = [good, silent, garbage, other, nobody];
  const pushed = await push(
    '--json',
    '--pattern',
    'flag.json',
    '--insecure',
    '--timeout',
    '2',
    '--parallel',
    '2',
    ...hosts,
  );
  const lines = pushed.stdout.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  const found = new Map(lines.map((line) => [line['host'], line]));
  expect(found.get(good)).toMatchObject({ ok: true, changed: ['f'] });
  const messages = [silent, garbage, other, nobody].map(
    (host) => (found.get(host)!['error'] as { code: string; message: string }).message,
  );
  expect(messages).toEqual([
    `${silent}: no answer within 2 s`,
    expect.stringContaining('cannot be reached') as string,
    `${other}: what answers there is not an agent`,
    expect.stringContaining('ECONNREFUSED') as string,
  ]);
  expect(pushed.exit).toBe(1);
  expect(pushed.stderr).toContain('4 of 5 machines');

  await writeKey('stranger.key', generateKey('ed25519', 'ops'));
  const refused = await push('--key', 'stranger.key', '--pattern', 'flag.json', '--insecure', good, nobody);
  expect(refused.exit).toBe(5);
  expect(refused.stdout).toContain(
    `${good}  FAILED  it does not take this order for the source ops. The source must`,
  );
  expect(await push('--source', 'other', '--command', 'true', '--insecure', good)).toMatchObject({ exit: 5 });
});

test('a machine that gets too many requests says so, and a pattern that is too large is not sent', async () => {
  const listen = { address: '127.0.0.1', port: 0, rate: 0.001, burst: 1 };
  const host = `127.0.0.1:${await bench.start({ sources, listen })}`;
  const order = ['--pattern', 'flag.json', '--insecure', host];
  expect(await push(...order)).toMatchObject({ exit: 0 });
  const busy = await push(...order);
  expect(busy).toMatchObject({
    exit: 1,
    stdout: `${host}  FAILED  it gets too many requests. Try again in a while`,
  });
  const huge = await token([], { buildManifest: 'x'.repeat(13_000_000) });
  await writeFile(join(bench.root, 'big.jwt'), huge);
  const large = await push('--pattern', 'big.jwt', '--insecure', host);
  expect(large).toMatchObject({
    exit: 2,
    stdout: '',
    stderr: expect.stringMatching(/E_PATTERN.*too large/) as string,
  });
});

test.each([
  ['nothing to push', [], /nothing to push/],
  ['a pattern that is wrong', ['--pattern', 'wrong.json'], /onChange of "a" names "b"/],
  ['a file that is none', ['--pattern', 'missing.json'], /missing\.json/],
  ['a variable for a token', ['--pattern', 'sent.jwt', '--var', 'a=1'], /is signed/],
  ['a token that is none', ['--pattern', 'flag.jwt'], /Cannot read the token/],
  ['both', ['--pattern', 'flag.json', '--command', 'true'], /cannot be used with/],
  ['no key', ['--command', 'true', '--key', 'missing.key'], /Cannot read the key/],
  ['no host', ['--command', 'true', 'a/b'], /is no host/],
])('bad input ends before anything is sent: %s', async (_name, args, message) => {
  await writeFile(
    join(bench.root, 'wrong.json'),
    JSON.stringify({ run: [{ id: 'a', onChange: ['b'], change: 'true' }] }),
  );
  const result = await push('--insecure', ...args, '127.0.0.1:1');
  expect(result.exit).toBe(2);
  expect(result.stderr).toMatch(message);
});

test('an order holds for an hour, unless its pattern says: nobody can repeat it later', async () => {
  let clock = Date.now();
  const host = `127.0.0.1:${await bench.start({ sources }, () => clock)}`;
  const order = ['--pattern', 'flag.json', '--insecure', host];
  clock += 7_200_000;
  expect(await push(...order)).toMatchObject({ exit: 5 });
  expect(bench.lines.join('\n')).toMatch(/a push is refused: The token expired/);
  clock -= 7_200_000;
  expect(await push(...order)).toMatchObject({ exit: 0 });
});
