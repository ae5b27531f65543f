/**
 * Edge systems in machines, as long as it takes: updates and installations with all that may go wrong; systems with
 * another root file system, of another generation; and the disks in archives.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EDGE, edge } from './support/edge.ts';

const MIB = 1 << 20;

let dir = '';

async function build(out: string, ...set: string[]): Promise<void> {
  const done = await edge('build', join(dir, out), set);
  expect(done.exitCode, done.all).toBe(0);
}

async function passes(out: string, ...scenarios: string[]): Promise<void> {
  const named = scenarios.flatMap((name) => ['--scenario', name]);
  const done = await edge('test', join(dir, out), [], named);
  expect(done.exitCode, done.all).toBe(0);
}

function run(...argv: string[]): string {
  const { status, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { cwd: dir, encoding: 'utf8' });
  expect(status, `${argv.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-edge-machines-'));
  await build('one', 'image.formats_add=hdd.zip ova installer.raw', 'image.disk_size=640M');
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Milliseconds: some of them start machines ten times. */
const LIMIT = 5_400_000;

test(
  'is updated, and goes back to what it had',
  async () => {
    await passes('one', 'edge-update', 'edge-fallback', 'edge-power-cut');
  },
  LIMIT,
);

test(
  'is installed: by hand, over something else, again; not from a broken medium',
  async () => {
    await passes('one', 'installer-by-hand', 'installer-again', 'installer-broken');
  },
  LIMIT,
);

test(
  'boots from ext4, on disks of the later generation',
  async () => {
    await build('later', 'image.filesystem=ext4', 'image.layout=edge-2026', 'image.formats=raw rootfs');
    await passes('later', 'edge-large-disk', 'edge-bios');
  },
  LIMIT,
);

test(
  'is installed on disks of the later generation, and boots from erofs',
  async () => {
    const formats = 'image.formats=raw rootfs installer.raw';
    await build('erofs', 'image.filesystem=erofs', 'image.layout=edge-2026', formats);
    await passes('erofs', 'edge-live', 'installer-usb-bios');
  },
  LIMIT,
);

test('virtual machines in archives have the same disk', () => {
  const raw = `one/${EDGE}.raw`;
  run('unzip', '-q', `one/${EDGE}.hdd.zip`);
  const image = /<File>(.*)<\/File>/.exec(run('cat', `${EDGE}.hdd/DiskDescriptor.xml`))![1]!;
  const members = run('tar', '-xvf', `one/${EDGE}.ova`).trim().split('\n');
  const disks: [format: string, file: string][] = [
    ['parallels', `${EDGE}.hdd/${image}`],
    ['vmdk', members.find((name) => name.endsWith('.vmdk'))!],
  ];
  for (const [format, file] of disks) {
    run('qemu-img', 'convert', '-f', format, '-O', 'raw', file, 'back.raw');
    expect(run('sgdisk', '-v', 'back.raw')).toContain('No problems found');
    // All but the tables, whose second one is at the new end.
    run('cmp', '-i', String(MIB), '-n', String(549 * MIB), 'back.raw', raw);
  }
});
