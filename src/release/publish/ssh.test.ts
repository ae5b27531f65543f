import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { directoryReader } from '../reader.ts';
import { NAME, noise, releaseTo, signer, verifyWith, writeBuild } from '../testing.ts';
import { verifyPublished } from '../verify.ts';
import { publisherConformance } from './conformance.ts';
import { openPublisher, openReader } from './index.ts';
import { parseAddress, sshArgs } from './ssh-remote.ts';
import { lacksSshd, startSshd, type SshServer } from './sshd-bench.ts';
import { cuttingProxy, type CuttingProxy } from './testing.ts';

// Each operation is some processes at both ends: slow where many tests run at once.
vi.setConfig({ testTimeout: 300_000 });

test('addresses', () => {
  expect(parseAddress('host/srv/www')).toMatchObject({ host: 'host', path: '/srv/www' });
  expect(parseAddress('me@host:2222/~/www')).toEqual({ user: 'me', host: 'host', port: '2222', path: 'www' });
  expect(parseAddress('me@[::1]:22/a b')).toEqual({ user: 'me', host: '::1', port: '22', path: '/a b' });
  for (const wrong of [
    '',
    'host',
    'host/',
    '/path',
    '-oProxyCommand=x/a',
    '-l@host/a',
    'a b/c',
    'h:x/a',
    'h/a\nb',
  ])
    expect(() => parseAddress(wrong), wrong).toThrow(/names no directory/);
});

const lacks = await lacksSshd();
if (lacks !== undefined) test.skip(`with a real sshd: ${lacks} (\`make test\` as root installs it)`);

describe.skipIf(lacks !== undefined)('with a real sshd', () => {
  let bench: string;
  let dir: string;
  let root: string;
  let server: SshServer;
  let proxy: CuttingProxy;
  beforeAll(async () => {
    bench = await mkdtemp(join(tmpdir(), 'osmith-sshd-'));
    server = await startSshd(bench);
  });
  afterAll(async () => {
    await server.close();
    await rm(bench, { recursive: true, force: true });
  });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'osmith-ssh-test-'));
    root = join(dir, 'www');
    proxy = await cuttingProxy(server.port);
    await knows(server.hostKey);
    vi.stubEnv('OSMITH_SSH_KEY', server.key);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await proxy.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function knows(hostKey: string) {
    const file = join(dir, 'known_hosts');
    await writeFile(file, `[127.0.0.1]:${server.port} ${hostKey}\n[127.0.0.1]:${proxy.port} ${hostKey}\n`);
    vi.stubEnv('OSMITH_SSH_KNOWN_HOSTS', file);
  }
  const url = (path = root, port = server.port) => `ssh://${server.user}@127.0.0.1:${port}${path}`;
  const open = (name = 'demo', target = url()) => openPublisher({ target, name });
  const wrongs = async () => {
    const reader = directoryReader(root);
    const checks = await verifyPublished({ reader, verify: verifyWith(signer) }, NAME);
    return checks.filter(({ ok }) => !ok);
  };

  publisherConformance('ssh', {
    open: async () => open(),
    again: async (name) => open(name),
    work: () => dir,
    seen: async (path) => readFile(join(root, path)).catch(() => undefined),
    reader: () => openReader({ target: url() }),
    foreign: async (path, content) => {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    },
  });

  test('a host whose key is another one, or not known, is refused before anything is sent', async () => {
    const other = (await readFile(`${server.stranger}.pub`, 'utf8')).trim();
    await knows(other);
    await expect(open().lock()).rejects.toMatchObject({
      code: 'E_TARGET',
      message: expect.stringMatching(/host key/) as string,
    });
    await expect(open().put('demo/a', Buffer.from('x'))).rejects.toMatchObject({ code: 'E_TARGET' });
    await writeFile(join(dir, 'known_hosts'), '');
    await expect(open().lock()).rejects.toMatchObject({
      code: 'E_TARGET',
      message: expect.stringMatching(/host key/) as string,
    });
    expect(await readFile(join(dir, 'known_hosts'), 'utf8')).toBe(''); // it was not taken on trust
    expect(await readdir(dir)).toEqual(['known_hosts']);
  });

  test('a key that is not let in, one that is not there, and no server', async () => {
    vi.stubEnv('OSMITH_SSH_KEY', server.stranger);
    await expect(open().lock()).rejects.toMatchObject({
      code: 'E_TARGET',
      message: expect.stringMatching(/does not let you in/) as string,
    });
    vi.stubEnv('OSMITH_SSH_KEY', join(dir, 'none'));
    await expect(open().lock()).rejects.toMatchObject({
      code: 'E_TARGET',
      message: expect.stringMatching(/does not let you in/) as string,
    });
    await proxy.close();
    await expect(open('demo', url(root, proxy.port)).lock()).rejects.toMatchObject({ code: 'E_NETWORK' });
  });

  test('no path is read as a command', async () => {
    const odd = join(dir, `a 'b' "c" $(touch ran) \`touch ran\` ; touch ran -rf *`);
    const target = open('demo', url(odd));
    const lock = await target.lock();
    const path = `demo/a/$(touch ran)'; touch ran; '`;
    await target.put(path, Buffer.from('1'));
    await target.commit('demo.jwt', Buffer.from('2'));
    expect(await target.list('demo')).toEqual([{ path, size: 1 }]);
    expect((await target.read(path, 5))?.toString()).toBe('1');
    expect(await readFile(join(odd, path), 'utf8')).toBe('1');
    await target.remove([path]);
    await lock!.release();
    expect((await readdir(odd, { recursive: true })).sort()).toEqual(['demo', 'demo.jwt', 'demo/.lock']);
    await expect(target.put('demo/a\nb', Buffer.from('1'))).rejects.toMatchObject({ code: 'E_TARGET' });
  });

  test('something else in the place of a file or a directory', async () => {
    await mkdir(join(root, 'demo/a/one'), { recursive: true });
    await writeFile(join(root, 'demo/b'), '');
    for (const path of ['demo/a/one', 'demo/b/two'])
      await expect(open().put(path, Buffer.from('1')), path).rejects.toMatchObject({ code: 'E_TARGET' });
    await expect(open('demo', url(join(root, 'no/such/parent'))).lock()).rejects.toMatchObject({
      code: 'E_TARGET',
    });
  });

  test('a lock ends with its connection, and nothing is done without it', async () => {
    const first = open('demo', url(root, proxy.port));
    const lock = await first.lock();
    expect(await open().lock()).toBeUndefined();
    await first.put('demo/a/one', Buffer.from('1'));
    proxy.cut();
    const second = await vi.waitUntil(async () => open().lock(), { timeout: 20_000, interval: 200 });
    for (const act of [
      async () => first.put('demo/a/two', Buffer.from('2')),
      async () => first.commit('demo.jwt', Buffer.from('2')),
      async () => first.remove(['demo/a/one']),
    ])
      await expect(act()).rejects.toMatchObject({ code: 'E_NETWORK' });
    await lock!.release();
    expect((await open().list('demo')).map(({ path }) => path)).toEqual(['demo/a/one']);
    await second.release();
  });

  test('wherever the connection is cut, the published release stays whole; the next run goes on', async () => {
    const out = join(dir, 'out');
    const image = (version: string) => noise(`image ${version}`, 12_000_000);
    const build = async (version: string, epoch: number) =>
      writeBuild(out, { version, epoch, initrd: image(version) });
    const publish = async () =>
      releaseTo(root, out, { publisher: openPublisher({ target: url(root, proxy.port), name: NAME }) });
    await build('1', 1_700_000_000);
    await publish();
    const all = proxy.sent;
    expect(await wrongs()).toEqual([]);
    const before = await readFile(join(root, `${NAME}.jwt`));

    await build('2', 1_700_100_000);
    for (const share of [0.0001, 0.5]) {
      [proxy.sent, proxy.limit] = [0, all * share];
      await expect(publish()).rejects.toMatchObject({ code: 'E_NETWORK' });
      expect(await wrongs()).toEqual([]);
      expect((await readFile(join(root, `${NAME}.jwt`))).equals(before)).toBe(true);
    }
    [proxy.sent, proxy.limit] = [0, Infinity];
    expect(await publish()).toMatchObject({ action: 'publish', reason: 'different' });
    expect(proxy.sent).toBeLessThan(all * 0.9); // what arrived was not sent again
    expect(await wrongs()).toEqual([]);
    expect((await readFile(join(root, `${NAME}.jwt`))).equals(before)).toBe(false);
    expect(await readdir(join(root, NAME))).not.toContain('.unfinished');
  });

  test('what was sent before and was damaged there is sent again', async () => {
    const data = noise('data', 100_000);
    const sum = (await import('node:crypto')).createHash('sha256').update(data).digest('hex');
    await mkdir(join(root, 'demo/.unfinished'), { recursive: true });
    await writeFile(join(root, 'demo/.unfinished', sum), noise('other', 50_000));
    await open().put('demo/a/one', data);
    expect((await readFile(join(root, 'demo/a/one'))).equals(data)).toBe(true);
  });

  test.runIf(process.getuid?.() === 0)('a full disk there', async () => {
    await mkdir(root);
    const small = [
      'unshare',
      '--mount',
      'sh',
      '-c',
      `mount -t tmpfs -o size=1m none "$0" && exec "$@"`,
      root,
    ];
    const full = await startSshd(join(dir, 'sshd'), small);
    try {
      vi.stubEnv('OSMITH_SSH_KEY', full.key);
      await writeFile(join(dir, 'known_hosts'), `[127.0.0.1]:${full.port} ${full.hostKey}\n`);
      const target = open('demo', url(root, full.port));
      const lock = await target.lock();
      await target.commit('demo.jwt', Buffer.from('old'));
      await expect(target.put('demo/a/one', noise('x', 2_000_000))).rejects.toMatchObject({
        code: 'E_NO_SPACE',
      });
      expect((await target.read('demo.jwt', 9))?.toString()).toBe('old');
      expect(await target.list('demo')).toEqual([]);
      await lock!.release();
    } finally {
      await full.close();
    }
  });

  test('neither a key nor its name is in what is run there, and nothing is asked', () => {
    const args = sshArgs(parseAddress('me@host/srv/secret-path'), [], 'script');
    expect(args.join(' ')).not.toContain('secret-path');
    expect(args).toContain('StrictHostKeyChecking=yes');
    expect(args).toContain('BatchMode=yes');
  });
});
