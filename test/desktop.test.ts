/**
 * The desktop from packages to an upgraded and rolled back machine: two signed commits, the second with a delta from the
 * first, served over HTTP; and repositories that are not what they should be.
 */
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootMachine, type Machine } from './support/machine.ts';
import { osmith, type Finished } from './support/osmith.ts';
import { serve, type WebServer } from './support/web-server.ts';

const REF = 'os/desktop/amd64/deb';

let dir: string;
let server: WebServer;
/** Options that all builds have. */
let common: string[];

/** A key pair without passphrase; the public part in FILE.asc. */
async function makeKey(name: string): Promise<string> {
  const home = join(dir, name, 'gnupg');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const gpg = (args: string[]) => execa('gpg', ['--homedir', home, '--batch', '--quiet', ...args]);
  await gpg([
    '--passphrase',
    '',
    '--quick-gen-key',
    `${name} <${name}@example.org>`,
    'ed25519',
    'sign',
    'never',
  ]);
  await gpg(['--armor', '--output', join(dir, `${name}.asc`), '--export']);
  const { stdout } = await gpg(['--with-colons', '--list-keys']);
  await execa('gpgconf', ['--homedir', home, '--kill', 'all']);
  return stdout
    .split('\n')
    .find((line) => line.startsWith('fpr:'))!
    .split(':')[9]!;
}

function build(out: string, set: Record<string, string>, more: string[] = []): Promise<Finished> {
  const options = Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  return osmith([...more, 'build', '--product', 'desktop', '--out', join(dir, out), ...common, ...options]);
}

/** Unpacks a published repository into the directory NAME. */
async function unpack(out: string, name: string): Promise<string> {
  const root = join(dir, name);
  mkdirSync(root);
  await execa('tar', ['-x', '-C', root, '-f', join(dir, out, 'osmith_deb_amd64.ostree.tar')]);
  return root;
}

async function commitOf(root: string): Promise<string> {
  return (await readFile(join(root, 'refs/heads', REF), 'utf8')).trim();
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-test-'));
  server = await serve(dir);
  const key = await makeKey('maker');
  await makeKey('stranger');
  common = [
    '--set',
    `credentials.dir=${join(dir, 'maker')}`,
    '--set',
    `ostree.keys=${join(dir, 'maker.asc')}`,
  ];
  common.push('--set', `ostree.signing_key=${key}`);
  // As the machine sees this one.
  common.push('--set', `ostree.url=http://10.0.2.2:${server.port}`);
  const first = await build('first', { 'ostree.version': '1' });
  expect(first.exitCode, first.all).toBe(0);
  server.root = await unpack('first', 'www1');
  const local = join(dir, 'local');
  mkdirSync(join(local, 'hooks/refine'), { recursive: true });
  mkdirSync(join(local, 'config'));
  writeFileSync(join(local, 'hooks/refine/95-second'), 'write_file usr/share/second <<< "the second"\n');
  writeFileSync(join(local, 'config/defaults.ini'), '[refine]\nhooks_add = 95-second\n');
  const second = await build('second', { 'ostree.version': '2', 'ostree.previous_url': server.url }, [
    '--localdir',
    local,
  ]);
  expect(second.exitCode, second.all).toBe(0);
  await unpack('second', 'www2');
});

afterAll(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

test('the secret key is nowhere in the store’s records', async () => {
  const secrets = readdirSync(join(dir, 'maker/gnupg/private-keys-v1.d'));
  expect(secrets.length).toBeGreaterThan(0);
  const shown = await osmith(['plan', '--json', '--product', 'desktop', ...common]);
  for (const name of secrets) expect(shown.stdout).not.toContain(name.replace('.key', ''));
});

describe('a machine', () => {
  let machine: Machine;

  beforeAll(async () => {
    const disk = join(dir, 'disk.raw');
    await execa('cp', ['--sparse=always', join(dir, 'first/osmith_deb_amd64.raw'), disk]);
    const { stdout } = await execa('stat', ['-c', '%s', disk]);
    await truncate(disk, Number(stdout) + 2 ** 30);
    machine = await bootMachine(disk, 'uefi-secure', join(dir, 'console.log'));
  });

  afterAll(() => machine.stop());

  const status = () => machine.run('ostree admin status');

  test('runs the first commit, under Secure Boot, with what belongs to it read-only', async () => {
    const commit = await commitOf(join(dir, 'www1'));
    expect(await status()).toMatch(new RegExp(`^\\* osmith ${commit}\\.0\\n.*Version: 1`));
    expect(await machine.run('cat /sys/kernel/security/lockdown')).toContain('[integrity]');
    expect(await machine.run('touch /usr/x', { exit: 1 })).toContain('Read-only file system');
    await machine.run('echo mine > /etc/mine && echo mine > /var/lib/mine && echo mine > /root/mine');
    await machine.run('ostree fsck -q && dpkg -s ostree | grep -q installed');
  });

  test('has made its file system as large as the disk', async () => {
    const size = Number(await machine.run('df --output=size -B1 /sysroot | tail -1'));
    expect(size).toBeGreaterThan(2.4 * 2 ** 30);
  });

  test('takes no commit that nobody signed', async () => {
    server.root = join(dir, 'www2');
    const foreign = join(dir, 'foreign');
    cpSync(server.root, foreign, { recursive: true });
    const commit = await commitOf(foreign);
    rmSync(join(foreign, 'objects', commit.slice(0, 2), `${commit.slice(2)}.commitmeta`));
    server.root = foreign;
    expect(await machine.run('ostree admin upgrade', { exit: 1 })).toMatch(/GPG|signature/i);
    expect(await status()).not.toContain('Version: 2');
  });

  test('upgrades by the delta, and keeps what is its own', async () => {
    server.root = join(dir, 'www2');
    server.requests.length = 0;
    await machine.run('ostree admin upgrade');
    expect(server.requests.filter((path) => path.startsWith('/deltas/')).length).toBeGreaterThan(0);
    expect(server.requests.filter((path) => path.endsWith('.filez'))).toEqual([]);
    await machine.restart();
    const commit = await commitOf(join(dir, 'www2'));
    expect(await status()).toMatch(new RegExp(`^\\* osmith ${commit}\\.0\\n.*Version: 2`));
    expect(await machine.run('cat /usr/share/second /etc/mine /var/lib/mine /root/mine')).toBe(
      'the second\nmine\nmine\nmine',
    );
  });

  test('rolls back', async () => {
    await machine.run('ostree admin set-default 1');
    await machine.restart();
    expect(await status()).toMatch(/^\* osmith .*\n.*Version: 1/m);
    await machine.run('test ! -e /usr/share/second && systemctl is-system-running --wait');
  });
});

test('the same disk boots under a BIOS', async () => {
  const disk = join(dir, 'first/osmith_deb_amd64.raw');
  const machine = await bootMachine(disk, 'bios', join(dir, 'bios.log'));
  try {
    await machine.run('test ! -e /sys/firmware/efi && ostree admin status | grep "Version: 1"');
  } finally {
    await machine.stop();
  }
});

describe('a repository of the last release', () => {
  /** A copy of the good one, spoilt. */
  function spoilt(name: string, spoil: (root: string) => void): string {
    const root = join(dir, name);
    cpSync(join(dir, 'www1'), root, { recursive: true });
    spoil(root);
    return root;
  }
  const again = (set: Record<string, string> = {}) =>
    build('again', { 'ostree.previous_url': server.url, 'ostree.version': '3', ...set }, ['--json']);
  const errorOf = ({ stderr }: Finished) =>
    JSON.parse(stderr.split('\n').find((line) => line.startsWith('{'))!) as { code: string; message: string };

  test('that somebody else signed is refused', async () => {
    server.root = join(dir, 'www1');
    const failed = await again({ 'ostree.keys': join(dir, 'stranger.asc') });
    expect(failed.exitCode, failed.all).toBe(5);
    expect(errorOf(failed)).toMatchObject({ code: 'E_SIGNATURE' });
  });

  test('that is not signed is refused', async () => {
    const commit = await commitOf(join(dir, 'www1'));
    server.root = spoilt('unsigned', (root) =>
      rmSync(join(root, 'objects', commit.slice(0, 2), `${commit.slice(2)}.commitmeta`)),
    );
    const failed = await again();
    expect(failed.exitCode, failed.all).toBe(5);
    expect(errorOf(failed).message).toContain('is not signed');
  });

  test('without the branch says so', async () => {
    server.root = join(dir, 'www1');
    const failed = await again({ 'ostree.ref': 'os/other' });
    expect(failed.exitCode, failed.all).toBe(1);
    expect(errorOf(failed)).toMatchObject({ code: 'E_OSTREE_REF' });
  });

  test('with an altered commit is refused', async () => {
    const commit = await commitOf(join(dir, 'www1'));
    server.root = spoilt('altered', () => {});
    const file = await open(
      join(server.root, 'objects', commit.slice(0, 2), `${commit.slice(2)}.commit`),
      'r+',
    );
    await file.write(Buffer.from([0xff]), 0, 1, 40);
    await file.close();
    const failed = await again();
    expect(failed.exitCode, failed.all).toBe(5);
    expect(errorOf(failed)).toMatchObject({ code: 'E_SIGNATURE' });
  });

  test('that dies half-way is asked for the rest only when it is there again', async () => {
    const store = { env: { OSMITH_STORE: join(dir, 'store') } };
    const pull = () =>
      osmith(
        [
          'build',
          '--product',
          'desktop',
          '--to',
          'package',
          ...common,
          '--set',
          `ostree.pull_url=${server.url}`,
        ],
        store,
      );
    server.root = join(dir, 'www1');
    server.requests.length = 0;
    server.cutAfter = 2000;
    const failed = await pull();
    expect(failed.exitCode, failed.all).toBe(1);
    expect(failed.all).toContain('E_NETWORK');
    server.cutAfter = undefined;
    server.requests.length = 0;
    const good = await pull();
    expect(good.exitCode, good.all).toBe(0);
    const files = Number(
      (await execa('find', [join(server.root, 'objects'), '-name', '*.filez'])).stdout.split('\n').length,
    );
    expect(server.requests.filter((path) => path.endsWith('.filez')).length).toBeLessThan(files - 500);
  });
});
