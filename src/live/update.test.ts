/** Images that are updated: as e2fsck, debugfs, cmp and sgdisk see them; killed, refused, and beside what a machine wrote. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeWith, run, scratch } from '../disk/testing.ts';
import { directory, file, makeImage, PLACES, rootOf, symlink, update, type Update } from './testing.ts';

const [RAW, QCOW2] = ['system.raw', 'system.qcow2'];
const BOTH = [RAW, QCOW2] as [string, string];

const FIRST = [
  directory('etc'),
  file('etc/changed', 'one\n'),
  file('etc/mode', 'the same\n'),
  directory('etc/removed'),
  file('etc/removed/file', 'gone\n'),
  file('etc/other', 'a file\n'),
  file('etc/large', 'x'.repeat(3_000_000)),
];
const SECOND = [
  directory('etc', 0o700),
  file('etc/changed', 'two\n'),
  file('etc/mode', 'the same\n', 0o4755),
  symlink('etc/other', 'changed'),
  file('etc/large', 'y'.repeat(3_000_001)),
  file('new', 'y'),
];

function ok(...argv: string[]): string {
  const { status, stdout, stderr } = run(argv);
  expect(status, `${argv.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

/** The root file system of an image, which e2fsck finds sound. */
function root(dir: string, name: string): (command: string) => string {
  const image = join(dir, 'out', name);
  const disk = name === RAW ? image : join(dir, 'converted');
  if (name !== RAW) ok('qemu-img', 'convert', '-O', 'raw', image, disk);
  const own = rootOf(disk, join(dir, `root-of-${name}`));
  ok('e2fsck', '-fn', own);
  return (command) => ok('debugfs', '-R', command, own);
}

const names = (listing: string) =>
  listing
    .split('\n')
    .map((line) => line.split('/'))
    .filter(([, , , , , name]) => name !== undefined && !['.', '..', 'lost+found'].includes(name))
    .map(([, , mode, , , name]) => `${mode} ${name}`)
    .sort();

describeWith(['mke2fs', 'debugfs', 'e2fsck', 'sfdisk', 'sgdisk', 'qemu-img', 'flock'], 'live images', () => {
  it('become what is wanted, in both formats; again, nothing is changed', { timeout: 300_000 }, async () => {
    const dir = scratch();
    makeImage(dir, BOTH);
    await update({ dir, names: BOTH, items: FIRST });
    const done = await update({ dir, names: BOTH, items: SECOND });
    expect(done.map(({ changed, paths, kept }) => [changed, paths, kept])).toEqual([
      [true, 8, []],
      [true, 8, []],
    ]);
    for (const name of BOTH) {
      const debugfs = root(dir, name);
      expect(debugfs('cat /etc/changed')).toBe('two\n');
      expect(debugfs('cat /etc/large')).toBe('y'.repeat(3_000_001));
      expect(names(debugfs('ls -p /'))).toEqual(['040700 etc', '100644 new']);
      expect(names(debugfs('ls -p /etc'))).toEqual([
        '100644 changed',
        '100644 large',
        '104755 mode',
        '120777 other',
      ]);
    }
    const again = await update({ dir, names: BOTH, items: SECOND });
    expect(again.map(({ changed }) => changed)).toEqual([false, false]);
    expect(readdirSync(join(dir, 'out')).sort()).toEqual([...BOTH].sort());
  });

  it('are the old ones or the new ones when an update is killed', { timeout: 300_000 }, async () => {
    const dir = scratch();
    makeImage(dir, [RAW]);
    const image = join(dir, 'out', RAW);
    await update({ dir, names: [RAW], items: FIRST });
    const script = `import { readFileSync } from 'node:fs';
      import { update } from ${JSON.stringify(join(import.meta.dirname, 'testing.ts'))};
      await update(JSON.parse(readFileSync(process.argv[1])));`;
    let old = 0;
    for (let attempt = 0; attempt < 8; attempt++) {
      const before = readFileSync(image);
      const spec: Update = { dir, names: [RAW], items: [...SECOND, file('attempt', `${attempt}\n`)] };
      writeFileSync(join(dir, 'spec'), JSON.stringify(spec));
      const argv = ['--input-type=module', '-e', script, join(dir, 'spec')];
      const child = spawn(process.execPath, argv, { detached: true, stdio: 'ignore' });
      const ended = once(child, 'exit');
      while (child.exitCode === null && readdirSync(join(dir, 'out')).length === 1) await sleep(2);
      await sleep(attempt ** 2 * 40);
      if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL');
      await ended;
      if (readFileSync(image).equals(before)) old += 1;
      else expect(root(dir, RAW)('cat /attempt')).toBe(`${attempt}\n`);
    }
    expect(old).toBeGreaterThan(0);
    await update({ dir, names: [RAW], items: FIRST });
    expect(root(dir, RAW)('cat /etc/changed')).toBe('one\n');
    expect(readdirSync(join(dir, 'out'))).toEqual([RAW]);
  });

  it(
    'keep what a machine has written; boot files become those of a build',
    { timeout: 300_000 },
    async () => {
      const dir = scratch();
      makeImage(dir, [RAW]);
      const image = join(dir, 'out', RAW);
      await update({ dir, names: [RAW], items: FIRST });
      truncateSync(image, 40 << 20);
      ok('sgdisk', '--move-second-header', '--new=9:0:0', '--change-name=9:P3', image);
      const sector = /^First sector: (\d+)/m.exec(ok('sgdisk', '--info=9', image))![1]!;
      writeFileSync(join(dir, 'written'), 'written');
      for (const at of [Number(sector) * 512, PLACES.config, PLACES.esp, 0])
        ok('dd', `if=${join(dir, 'written')}`, `of=${image}`, 'bs=1', `seek=${at}`, 'conv=notrunc');
      const table = ok('sgdisk', '--print', image);
      const [done] = await update({ dir, names: [RAW], items: SECOND });
      expect(done?.kept).toEqual(['9 P3', '4 CONFIG, which the machine or somebody else wrote to']);
      expect(ok('sgdisk', '--print', image)).toBe(table);
      const at = (place: number) => readFileSync(image).toString('latin1', place, place + 7);
      expect([Number(sector) * 512, PLACES.config].map(at)).toEqual(['written', 'written']);
      ok('cmp', '-n', '440', image, join(dir, 'frame'));
      ok('cmp', '-n', String(4 << 20), '-i', String(PLACES.esp), image, join(dir, 'frame'));
      expect(root(dir, RAW)('cat /etc/changed')).toBe('two\n');
    },
  );

  it('are refused, and stay as they are', { timeout: 300_000 }, async () => {
    const dir = scratch();
    makeImage(dir, [RAW]);
    const image = join(dir, 'out', RAW);
    await update({ dir, names: [RAW], items: FIRST });
    async function refused(message: RegExp, more: Partial<Update> = {}): Promise<void> {
      const before = readFileSync(image);
      await expect(update({ dir, names: [RAW], items: SECOND, ...more })).rejects.toThrow(message);
      expect(readFileSync(image).equals(before)).toBe(true);
      expect(readdirSync(join(dir, 'out'))).toEqual([RAW]);
    }
    await refused(/is of another variant: one/, { variant: 'two' });
    await refused(/has no room for what changed/, { items: [file('x', 'x'.repeat(11 << 20))] });
    await refused(/cannot be written in place: it has a line break/, { items: [file('a\nb', '')] });
    const lock = spawn('flock', [image, 'sh', '-c', 'echo; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    await once(lock.stdout, 'data');
    await refused(/is in use: another process has locked it/);
    lock.stdin.end();
    await once(lock, 'exit');
    const machine = spawn('qemu-io', ['-f', 'raw', image], { stdio: ['pipe', 'pipe', 'ignore'] });
    await once(machine.stdout, 'data');
    await refused(/is in use: a virtual machine runs from it/);
    machine.stdin.end();
    await once(machine, 'exit');
    copyFileSync(image, join(dir, 'kept'));
    spawnSync('debugfs', ['-w', '-R', 'rm /etc/changed', `${image}?offset=${PLACES.root}`]);
    await refused(/was written to/);
    copyFileSync(join(dir, 'kept'), image);
    ok('dd', 'if=/dev/zero', `of=${image}`, 'bs=512', 'conv=notrunc', 'count=8', `seek=${PLACES.root / 512}`);
    await refused(/The root file system in .* is damaged, not ext4/);
    copyFileSync(join(dir, 'kept'), image);
    ok('sgdisk', '--change-name=2:OTHER', image);
    await refused(/Partition 2 of .* is not as builds make it/);
    expect(existsSync(join(dir, 'kept'))).toBe(true);
  });
});
