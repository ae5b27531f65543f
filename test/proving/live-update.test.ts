/**
 * Live images that are changed in place: equal to what a build makes, as other programs read them; and left as they were
 * by whatever is refused, or killed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { osmith, REPO, type Finished } from '../support/osmith.ts';

const IMAGES = ['raw', 'qcow2'].map((format) => `osmith_deb_amd64.${format}`) as [string, string];
const [RAW, QCOW2] = IMAGES;
const IMGA = 77824 * 512;

let dir = '';

const argv = (out: string, ...more: string[]) => [
  ...['build', '--product', 'edge', '--arch', 'amd64', '--out', join(dir, out)],
  ...[
    'image.formats=raw qcow2',
    'image.filesystem=ext4',
    'build.build_version=1',
    'build.epoch=1735689600',
    `compose.modifiers_add=${relative(join(REPO, 'workspace'), join(dir, 'change.yq'))}`,
  ].flatMap((setting) => ['--set', setting]),
  ...more,
];
const build = (out: string, ...more: string[]): Promise<Finished> => osmith(argv(out, ...more));
const live = (...more: string[]) => build('live', '--live-update', ...more);

/** What the composition's `files` get besides its own. */
function write(...files: Record<string, unknown>[]): void {
  writeFileSync(join(dir, 'change.yq'), `.files += ${JSON.stringify(files)}\n`);
}

function run(...argv: string[]): string {
  const { status, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), {
    cwd: dir,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  expect(status, `${argv.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

function sums(): string {
  return run('sha256sum', ...IMAGES.map((name) => `live/${name}`));
}

/** The root file system of a disk, once fsck finds no fault. */
function rootOf(image: string): string {
  const file = `${image.replaceAll('/', '-')}.ext4`;
  run('dd', `if=${image}`, `of=${file}`, 'bs=1M', `skip=${IMGA / (1 << 20)}`, 'count=512', 'status=none');
  run('e2fsck', '-fn', file);
  return file;
}

function debugfs(file: string, command: string): string {
  return run('debugfs', '-R', command, file);
}

/** Every path with type, mode, owner and size. */
function listing(file: string, at = '/'): string[] {
  return debugfs(file, `ls -p ${at}`)
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      const [, , mode = '', uid, gid, name = '', size] = line.split('/');
      if (['.', '..', '', 'lost+found'].includes(name)) return [];
      const isDirectory = mode.startsWith('04');
      const own = [at, name, mode, uid, gid, isDirectory ? '' : size].join(' ');
      return isDirectory ? [own, ...listing(file, `${at === '/' ? '' : at}/${name}`)] : [own];
    });
}

async function expectRefused(message: RegExp, ...more: string[]): Promise<void> {
  const before = sums();
  const { exitCode, all } = await live(...more);
  expect(all).toMatch(message);
  expect(all).toContain('E_LIVE');
  expect(exitCode).toBe(1);
  expect(sums()).toBe(before);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-live-'));
  write(
    { path: 'etc/changed', contents: 'one\n' },
    { path: 'etc/removed/file', contents: 'gone\n' },
    { path: 'etc/other', contents: 'a file\n' },
  );
  const done = await build('live');
  expect(done.exitCode, done.all).toBe(0);
}, 900_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('new, changed, removed, another mode and type: as a build makes them', async () => {
  write(
    { path: 'etc/changed', contents: 'two\n', mode: '0600' },
    { path: 'etc/new', contents: 'x'.repeat(100_000) },
    { path: 'etc/other', symlink: 'changed' },
  );
  const done = await live();
  expect(done.exitCode, done.all).toBe(0);
  const full = await build('full');
  expect(full.exitCode, full.all).toBe(0);
  const [own, wanted] = [rootOf(`live/${RAW}`), rootOf(`full/${RAW}`)];
  expect(debugfs(own, 'cat /etc/changed')).toBe('two\n');
  expect(listing(own, '/etc')).toEqual(listing(wanted, '/etc'));
  expect(listing(own, '/boot')).toEqual(listing(wanted, '/boot'));
  expect(debugfs(own, 'ls -p /etc')).not.toContain('removed');
  const compared = await osmith(['diff', join(dir, own), join(dir, wanted)]);
  expect(compared.exitCode, compared.all).toBe(0);
  run('qemu-img', 'convert', '-O', 'raw', `live/${QCOW2}`, 'converted');
  run('cmp', rootOf('converted'), own);
  // All before the root file system: table, boot loaders, configuration.
  run('cmp', '-n', String(IMGA), `live/${RAW}`, `full/${RAW}`);
  const again = await live();
  expect(again.all).toContain(`${RAW}: unchanged`);
});

test('one that is killed leaves images that are whole, and the next one ends its work', async () => {
  for (const [index, wait] of [800, 1600, 2400, 4000].entries()) {
    write({ path: 'etc/changed', contents: `attempt ${index}\n` });
    const [before] = [readFileSync(join(dir, `live/${RAW}`))];
    const child = spawn(join(REPO, 'osmith'), argv('live', '--live-update'), {
      detached: true,
      stdio: 'ignore',
    });
    const ended = once(child, 'exit');
    await sleep(wait);
    process.kill(-child.pid!, 'SIGKILL');
    await ended;
    if (!readFileSync(join(dir, `live/${RAW}`)).equals(before))
      expect(debugfs(rootOf(`live/${RAW}`), 'cat /etc/changed')).toBe(`attempt ${index}\n`);
  }
  const done = await live();
  expect(done.exitCode, done.all).toBe(0);
  expect(debugfs(rootOf(`live/${RAW}`), 'cat /etc/changed')).toBe('attempt 3\n');
  expect(run('ls', '-A', 'live')).not.toContain('.live-');
});

test('an image in use', async () => {
  write({ path: 'etc/changed', contents: 'not now\n' });
  const lock = spawn('flock', [join(dir, 'live', RAW), 'sleep', '300'], { detached: true, stdio: 'ignore' });
  await sleep(1000);
  await expectRefused(/is in use: another process has locked it/);
  process.kill(-lock.pid!);
  const machine = spawn('qemu-io', ['-f', 'qcow2', join(dir, 'live', QCOW2)], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await once(machine.stdout, 'data');
  await expectRefused(/is in use: a virtual machine runs from it/);
  machine.stdin.end();
  await once(machine, 'exit');
});

test('an image of another variant, of another file system, and one that was written to', async () => {
  await expectRefused(/another variant/, '--personality', 'mini');
  await expectRefused(/"squashfs" cannot be changed in place/, '--set', 'image.filesystem=squashfs');
  const original = sums();
  run('cp', `live/${RAW}`, 'kept');
  run('debugfs', '-w', '-R', 'rm /etc/changed', `live/${RAW}?offset=${IMGA}`);
  await expectRefused(/was written to/);
  run('cp', 'kept', `live/${RAW}`);
  expect(sums()).toBe(original);
});
