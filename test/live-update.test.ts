/**
 * Live images that are changed in place: equal to what a build makes, as other programs read them; started; and left as
 * they were by whatever is refused, or killed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { osmith, REPO, type Finished } from './support/osmith.ts';

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

/** Tells at its start what the system has: nothing where it may not be executed. */
const TELL = `#!/bin/sh
echo "live: $(cat /etc/changed)$([ -e /etc/removed/file ] && echo ', and what was removed')."
`;
const tell = (mode: string) => ({ path: 'etc/init.d/900-tell', contents: TELL, mode });

const SCENARIO = `description: What was changed in place is there
firmware: uefi-secure
steps:
  - boot
  - up
  - console: { match: 'live: two\\.', not: 'live: .*removed', within: 600 }
`;

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
  const size = Number(/^Partition size: (\d+)/m.exec(run('sgdisk', '--info=2', image))?.[1]) * 512;
  const place = [`skip=${IMGA / (1 << 20)}`, `count=${size / (1 << 20)}`];
  run('dd', `if=${image}`, `of=${file}`, 'bs=1M', ...place, 'status=none');
  run('e2fsck', '-fn', file);
  return file;
}

/** The same of an image in the output directory, in whichever format. */
function rawRoot(image: string): string {
  if (image === RAW) return rootOf(`live/${RAW}`);
  run('qemu-img', 'convert', '-O', 'raw', `live/${image}`, 'converted');
  return rootOf('converted');
}

function debugfs(file: string, command: string): string {
  return run('debugfs', '-R', command, file);
}

/** Every path with type, mode, owner and size. The mode of a symbolic link means nothing. */
function listing(file: string, at = '/'): string[] {
  return debugfs(file, `ls -p ${at}`)
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      const [, , mode = '', uid, gid, name = '', size] = line.split('/');
      if (['.', '..', '', 'lost+found'].includes(name)) return [];
      const isDirectory = mode.startsWith('04');
      const own = [at, name, mode.replace(/^12.*/, '12'), uid, gid, isDirectory ? '' : size].join(' ');
      return isDirectory ? [own, ...listing(file, `${at === '/' ? '' : at}/${name}`)] : [own];
    })
    .sort();
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
    tell('0644'),
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
    tell('0755'),
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
  // Super blocks tell when they were written.
  for (const root of [own, rawRoot(QCOW2)]) {
    const compared = await osmith(['diff', join(dir, root), join(dir, wanted)]);
    expect(compared.exitCode, compared.all).toBe(0);
  }
  // The numbers of FAT volumes are those of the steps that made them.
  const whole = await osmith(['diff', join(dir, `live/${RAW}`), join(dir, `full/${RAW}`)]);
  expect(whole.exitCode, whole.all).toBe(0);
  const again = await live();
  for (const image of IMAGES) expect(again.all).toContain(`${image}: unchanged`);
});

test('the changed system starts', async () => {
  mkdirSync(join(dir, 'local/scenarios'), { recursive: true });
  writeFileSync(join(dir, 'local/scenarios/changed.yaml'), SCENARIO);
  const where = ['--product', 'edge', '--arch', 'amd64', '--out', join(dir, 'live')];
  const done = await osmith(['test', ...where, '--localdir', join(dir, 'local'), '--scenario', 'changed']);
  expect(done.exitCode, done.all).toBe(0);
});

/** Kills a live update, with all that it started, some time after it began to copy the image. */
async function killed(ms: number): Promise<void> {
  const child = spawn(join(REPO, 'osmith'), argv('live', '--live-update'), {
    detached: true,
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  let running = true;
  void ended.then(() => (running = false));
  const isCopied = () => readdirSync(join(dir, 'live')).some((name) => name.startsWith(`.${RAW}.live-`));
  while (running && !isCopied()) await sleep(5);
  await sleep(ms);
  if (running) process.kill(-child.pid!, 'SIGKILL');
  await ended;
}

test('one that is killed leaves images that are whole, and the next one ends its work', async () => {
  let old = 0;
  for (const [index, ms] of [0, 400, 1000, 1800].entries()) {
    const before = sums();
    write({ path: 'etc/changed', contents: `attempt ${index}\n` });
    await killed(ms);
    for (const [at, image] of IMAGES.entries()) {
      if (sums().split('\n')[at] === before.split('\n')[at]) old += 1;
      else expect(debugfs(rawRoot(image), 'cat /etc/changed')).toBe(`attempt ${index}\n`);
    }
  }
  expect(old).toBeGreaterThan(0);
  const done = await live();
  expect(done.exitCode, done.all).toBe(0);
  for (const image of IMAGES) expect(debugfs(rawRoot(image), 'cat /etc/changed')).toBe('attempt 3\n');
  expect(run('ls', '-A', 'live')).not.toContain('.live-');
});

test('what a machine has written is kept; boot files that are others become those of a build', async () => {
  const raw = `live/${RAW}`;
  run('cp', raw, 'unwritten');
  run('truncate', '-s', '+64M', raw);
  run('sgdisk', '--move-second-header', '--new=9:0:0', '--change-name=9:P3', raw);
  const place = (number: number) => {
    const text = run('sgdisk', `--info=${number}`, raw);
    return Number(/^First sector: (\d+)/m.exec(text)?.[1]) * 512;
  };
  const [config, added] = [place(4), place(9)];
  writeFileSync(join(dir, 'of-the-machine'), 'kept\n');
  run('mcopy', '-i', `${raw}@@${config}`, 'of-the-machine', '::');
  const put = (at: number) =>
    run('dd', 'if=of-the-machine', `of=${raw}`, 'bs=1', `seek=${at}`, 'conv=notrunc', 'status=none');
  put(added);
  put(0); // the boot code
  put(place(1) + 1024 * 1024);
  const table = run('sgdisk', '--print', raw);
  write({ path: 'etc/changed', contents: 'beside\n' });
  const done = await live();
  expect(done.all).toMatch(new RegExp(`${RAW}: .*; kept: 9 P3, 4 CONFIG, which the machine`));
  expect(debugfs(rootOf(raw), 'cat /etc/changed')).toBe('beside\n');
  expect(run('mtype', '-i', `${raw}@@${config}`, '::of-the-machine')).toBe('kept\n');
  expect(run('dd', `if=${raw}`, 'bs=1', `skip=${added}`, 'count=5', 'status=none')).toBe('kept\n');
  expect(run('sgdisk', '--print', raw)).toBe(table);
  run('cmp', '-n', '440', raw, 'unwritten');
  run('cmp', '-n', String(36 << 20), '-i', String(place(1)), raw, 'unwritten');
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
  write({ path: 'etc/changed', contents: 'beside\n' });
  const done = await live();
  expect(done.exitCode, done.all).toBe(0);
  await expectRefused(/another variant/, '--personality', 'mini');
  await expectRefused(/"squashfs" cannot be changed in place/, '--set', 'image.filesystem=squashfs');
  const original = sums();
  run('cp', `live/${RAW}`, 'kept');
  run('debugfs', '-w', '-R', 'rm /etc/changed', `live/${RAW}?offset=${IMGA}`);
  await expectRefused(/was written to/);
  run('cp', 'kept', `live/${RAW}`);
  expect(sums()).toBe(original);
});
