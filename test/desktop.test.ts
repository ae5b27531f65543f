/**
 * The desktop from packages to an upgraded and rolled back machine: a signed commit, served over HTTP, an image made of what
 * the server has, with an app on a second disk, a second commit with a delta from the first, a live system of the same, and
 * repositories and keys that are not what they should be.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app, flatpakRepo, makeSigner, PLATFORM } from './support/flatpak-repo.ts';
import { bootMachine, type Machine } from './support/machine.ts';
import { LONG } from './support/long.ts';
import { osmith, type Finished } from './support/osmith.ts';
import { serve, type WebServer } from './support/web-server.ts';

/** The branch that is made, and the one that machines follow. */
const REF = 'os/desktop/amd64/deb';
const FOLLOWED = 'os/stable';
const NAME = 'osmith_deb_amd64';
const APP = 'org.test.Hello';

let dir: string;
let server: WebServer;
/** Of Flatpak. */
let apps: WebServer;
/** Fingerprints. */
let key: string;
let expired: string;

/** A key pair without passphrase in the home of `owner`. */
async function makeKey(owner: string, name: string, options: string[] = []): Promise<string> {
  const home = join(dir, owner, 'gnupg');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const gpg = (args: string[]) => execa('gpg', ['--homedir', home, '--batch', '--quiet', ...args]);
  await gpg([
    ...options,
    '--passphrase',
    '',
    '--quick-gen-key',
    `${name}@example.org`,
    'ed25519',
    'sign',
    '1d',
  ]);
  const { stdout: exported } = await gpg(['--armor', '--export', `${name}@example.org`]);
  writeFileSync(join(dir, `${name}.asc`), `${exported}\n`);
  const { stdout } = await gpg(['--with-colons', '--list-keys', `${name}@example.org`]);
  await execa('gpgconf', ['--homedir', home, '--kill', 'all']);
  return /^fpr:+(\w+):/m.exec(stdout)![1]!;
}

function build(out: string, set: Record<string, string>, more: string[] = []): Promise<Finished> {
  const all = {
    'credentials.dir': join(dir, 'maker'),
    'ostree.keys': join(dir, 'maker.asc'),
    'ostree.ref_deploy': FOLLOWED,
    'flatpak-remote-test.url': apps.url,
    'flatpak-remote-test.keys': join(dir, 'apps.asc'),
    'flatpak-remote-test.apps': APP,
    ...set,
  };
  const options = Object.entries(all).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  return osmith([...more, 'build', '--product', 'desktop', '--out', join(dir, out), ...options]);
}

/** Makes a signed commit and its repository, and unpacks that. */
async function release(name: string, set: Record<string, string>, more: string[] = []): Promise<string> {
  const signed = {
    'ostree.signing_key': key,
    'ostree.collection_id': 'org.example.Os',
    'image.formats_del': 'raw',
    ...set,
  };
  const made = await build(name, signed, more);
  expect(made.exitCode, made.all).toBe(0);
  const root = join(dir, `www-${name}`);
  mkdirSync(root);
  await execa('tar', ['-x', '-C', root, '-f', join(dir, name, `${NAME}.ostree.tar`)]);
  return root;
}

/** An image of what the server has. */
async function pulled(out: string, set: Record<string, string>): Promise<void> {
  const from = {
    'ostree.pull_url': server.url,
    // As the machine sees this one.
    'ostree.url': `http://10.0.2.2:${server.port}`,
  };
  const made = await build(out, { ...from, ...set });
  expect(made.exitCode, made.all).toBe(0);
}

/** With a delta from the first. */
async function releaseSecond(): Promise<void> {
  const local = join(dir, 'local');
  mkdirSync(join(local, 'hooks/refine'), { recursive: true });
  mkdirSync(join(local, 'config'));
  writeFileSync(join(local, 'hooks/refine/95-second'), 'write_file usr/share/second <<< "the second"\n');
  writeFileSync(join(local, 'config/defaults.ini'), '[refine]\nhooks_add = 95-second\n');
  const set = { 'ostree.version': '2', 'ostree.previous_url': server.url };
  await release('second', set, ['--localdir', local]);
}

async function commitOf(root: string, ref = FOLLOWED): Promise<string> {
  return (await readFile(join(root, 'refs/heads', ref), 'utf8')).trim();
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-test-'));
  server = await serve(dir);
  const signer = await makeSigner(dir, 'apps');
  const repo = flatpakRepo(join(dir, 'apps'), { signer, title: 'Apps' });
  await repo.add(...PLATFORM, app(APP));
  apps = await serve(repo.dir);
  key = await makeKey('maker', 'maker');
  expired = await makeKey('maker', 'expired', ['--faked-system-time', '20200101T000000']);
  server.root = await release('first', { 'ostree.version': '1' });
  const split = { 'image.split_dirs_add': '/var/lib/flatpak /var/home', 'image.formats_add': 'disk2.raw' };
  await pulled('image', split);
  if (LONG) await releaseSecond();
});

afterAll(async () => {
  await server.close();
  await apps.close();
  await rm(dir, { recursive: true, force: true });
});

/** A repository that anybody can read, but that nobody signed. */
function unsigned(root: string, commit: string): string {
  const copy = join(dir, 'unsigned');
  cpSync(root, copy, { recursive: true });
  rmSync(join(copy, 'objects', commit.slice(0, 2), `${commit.slice(2)}.commitmeta`));
  // Deltas carry the signature too.
  rmSync(join(copy, 'deltas'), { recursive: true, force: true });
  rmSync(join(copy, 'delta-indexes'), { recursive: true, force: true });
  return copy;
}

test('the image says what it is: manifest, description, attribute and flag of a sound file system', async () => {
  const commit = await commitOf(join(dir, 'www-first'), REF);
  const manifest = JSON.parse(await readFile(join(dir, 'image/manifest.json'), 'utf8')) as { ostree: object };
  expect(manifest.ostree).toEqual({
    ...{ remote: 'osmith', ref: FOLLOWED, url: `http://10.0.2.2:${server.port}`, os: 'osmith', commit },
    ...{ version: '13 (trixie)', 'collection-id': 'org.example.Os' },
    date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$/) as string,
  });
  const description = await readFile(join(dir, `image/${NAME}.ostree.txt`), 'utf8');
  expect(description.split('\n').slice(0, 2)).toEqual([`Branch ${REF}`, `commit ${commit}`]);
  expect(description).toMatch(/Good signature from ".*maker@example\.org/);
  const disk = join(dir, `image/${NAME}.raw`);
  const { stdout } = await execa('sfdisk', ['--json', disk]);
  const { partitiontable } = JSON.parse(stdout) as {
    partitiontable: { partitions: { name: string; start: number; size: number }[] };
  };
  const { start, size } = partitiontable.partitions.find(({ name }) => name === 'root')!;
  const root = join(dir, 'root.ext4');
  const bytes = ['iflag=skip_bytes,count_bytes', `skip=${start * 512}`, `count=${size * 512}`];
  await execa('dd', [`if=${disk}`, `of=${root}`, 'bs=1M', 'conv=sparse', ...bytes]);
  await execa('e2fsck', ['-fn', root]);
  const debugfs = async (request: string) => (await execa('debugfs', ['-R', request, root])).stdout;
  expect(await debugfs('ea_get / user.osmith-image-version')).toContain(NAME);
  expect(await debugfs(`stat /ostree/deploy/osmith/deploy/${commit}.0`)).toContain('Flags: 0x80010');
  await rm(root);
});

test.runIf(LONG)(
  'a live system of it starts from a CD under Secure Boot, with the disk to install',
  async () => {
    await pulled('live', { 'image.formats_del': 'raw', 'image.formats_add': 'iso' });
    const out = join(dir, 'live');
    const tested = await osmith(['test', '--product', 'desktop', '--out', out, '--scenario', 'desktop-live']);
    expect(tested.exitCode, tested.all).toBe(0);
    await rm(out, { recursive: true });
  },
);

describe('a machine', () => {
  let machine: Machine;

  beforeAll(async () => {
    const disk = join(dir, 'disk.raw');
    await execa('cp', ['--sparse=always', join(dir, `image/${NAME}.raw`), disk]);
    const { stdout } = await execa('stat', ['-c', '%s', disk]);
    await truncate(disk, Number(stdout) + 2 ** 30);
    machine = await bootMachine(
      [disk, join(dir, `image/${NAME}.disk2.raw`)],
      'uefi-secure',
      join(dir, 'console.log'),
    );
  });

  afterAll(() => machine.stop());

  const status = () => machine.run('ostree admin status');

  test('runs the first commit, under Secure Boot, with what belongs to it read-only', async () => {
    const commit = await commitOf(join(dir, 'www-first'));
    expect(await status()).toMatch(new RegExp(`^\\* osmith ${commit}\\.0\\n.*Version: 1`));
    expect(await machine.run('cat /sys/kernel/security/lockdown')).toContain('[integrity]');
    expect(await machine.run('touch /usr/x', { exit: 1 })).toContain('Read-only file system');
    expect(await machine.run('lsattr -d /sysroot/ostree/deploy/osmith/deploy/*.0')).toMatch(/^-+i-+e-* /);
    await machine.run('echo mine > /etc/mine && echo mine > /var/lib/mine && echo mine > /root/mine');
    await machine.run('ostree fsck -q && dpkg -s ostree | grep -q installed');
    // As large as the disk.
    const size = Number(await machine.run('df --output=size -B1 /sysroot | tail -1'));
    expect(size).toBeGreaterThan(2.4 * 2 ** 30);
  });

  test('has its apps and homes on the second disk, and runs an app from there', async () => {
    for (const directory of ['/var/lib/flatpak', '/home'])
      expect(await machine.run(`findmnt -no LABEL -T ${directory}`)).toBe('extra');
    await machine.run('echo mine > /home/mine && test -s /var/osmith-extra/var/home/mine');
    expect(await machine.run(`flatpak run ${APP}`)).toContain(`hello from ${APP}`);
  });

  test.runIf(LONG)('takes no commit that nobody signed', async () => {
    const second = join(dir, 'www-second');
    server.root = unsigned(second, await commitOf(second));
    expect(await machine.run('ostree admin upgrade', { exit: 1 })).toMatch(
      /GPG verification enabled, but no signatures found/,
    );
    expect(await status()).not.toContain('Version: 2');
  });

  test.runIf(LONG)('upgrades by the delta, and keeps what is its own', async () => {
    server.root = join(dir, 'www-second');
    server.requests.length = 0;
    await machine.run('ostree admin upgrade');
    expect(server.requests.filter((path) => path.startsWith('/deltas/')).length).toBeGreaterThan(0);
    expect(server.requests.filter((path) => path.endsWith('.filez')).length).toBeLessThan(10);
    await machine.restart();
    const commit = await commitOf(server.root);
    expect(await status()).toMatch(new RegExp(`^\\* osmith ${commit}\\.0\\n.*Version: 2`));
    const mine = '/etc/mine /var/lib/mine /root/mine /home/mine';
    expect(await machine.run(`cat /usr/share/second ${mine}`)).toBe('the second\nmine\nmine\nmine\nmine');
    expect(await machine.run('flatpak list --app --columns=application')).toContain(APP);
  });

  test.runIf(LONG)('rolls back', async () => {
    await machine.run('ostree admin set-default 1');
    await machine.restart();
    expect(await status()).toMatch(/^\* osmith .*\n.*Version: 1/m);
    await machine.run('test ! -e /usr/share/second && systemctl is-system-running --wait');
  });
});

describe('a build', () => {
  const errorOf = ({ stderr }: Finished) =>
    (JSON.parse(stderr.split('\n').find((line) => line.startsWith('{'))!) as { error: object }).error;
  const fails = async (set: Record<string, string>) => {
    const failed = await build('again', { 'ostree.version': '1', ...set }, ['--json']);
    return { ...errorOf(failed), exit: failed.exitCode };
  };

  test('on a last release that nobody signed is refused', async () => {
    const first = join(dir, 'www-first');
    rmSync(join(dir, 'unsigned'), { recursive: true, force: true });
    unsigned(first, await commitOf(first));
    // Another URL: what was verified at the first one is known, and is not asked for again.
    server.root = dir;
    expect(await fails({ 'ostree.previous_url': `${server.url}/unsigned` })).toMatchObject({
      ...{ exit: 5, code: 'E_SIGNATURE' },
      message: expect.stringMatching(/ is not signed$/) as string,
    });
  });

  test('with a key that has expired is refused', async () => {
    const set = { 'ostree.collection_id': 'org.example.Os', 'ostree.signing_key': expired };
    expect(await fails(set)).toMatchObject({
      ...{ exit: 2, code: 'E_KEY' },
      message: expect.stringContaining(`The key ${expired}, which is to sign, has expired`) as string,
    });
  });

  test('whose system would refuse its own updates is refused', async () => {
    const set = { 'ostree.collection_id': 'org.example.Os', 'ostree.signing_key': key };
    const other = { 'ostree.keys': join(dir, 'expired.asc'), 'ostree.url': server.url };
    expect(await fails({ ...set, ...other })).toMatchObject({
      ...{ exit: 5, code: 'E_SIGNATURE' },
      message: expect.stringContaining('the system would refuse it as an update') as string,
    });
  });
});
