/**
 * An edge system by the one command: its disk as other programs read it, the same bits again, in the formats of virtual
 * machines, booted; and what is refused before any work.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EDGE as NAME, edge as edgeIn } from './support/edge.ts';
import { LONG } from './support/long.ts';
import type { Finished } from './support/osmith.ts';

const SECTOR = 512;
const MIB = 1 << 20;
/** MiB. */
const LARGER = 640;

const VERSION = '1.2.3';
const FORMATS = 'qcow2 vdi vmdk vhdx hdd.zip gce.tar.gz ova';
const SETTINGS = [
  `image.formats_add=${FORMATS}`,
  `image.disk_size=${LARGER}M`,
  `build.build_version=${VERSION}`,
  'build.epoch=1735689600',
];

let dir = '';

function edge(command: string, out: string, set: string[], more: string[] = []): Promise<Finished> {
  return edgeIn(command, join(dir, out), set, more);
}

function run(...argv: string[]): string {
  const { status, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { cwd: dir, encoding: 'utf8' });
  expect(status, `${argv.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

/** Files on a FAT volume, and that it is sound. */
function fatFiles(image: string): string[] {
  run('fsck.fat', '-n', image);
  const names = run('mdir', '-b', '-/', '-a', '-i', image, '::').split('\n');
  return names.filter((name) => /[^/]$/.test(name)).map((name) => name.replace('::/', ''));
}

const raw = `one/${NAME}.raw`;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-edge-'));
  mkdirSync(join(dir, 'conf/DevicePortConfig'), { recursive: true });
  writeFileSync(join(dir, 'conf/server'), 'edge.example:443\n');
  writeFileSync(join(dir, 'conf/DevicePortConfig/override.json'), '{}\n');
  const done = await edge('build', 'one', [...SETTINGS, `compose.config=${join(dir, 'conf')}`]);
  expect(done.exitCode, done.all).toBe(0);
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('the disk has the partitions of its generation, and in them what was made', () => {
  const table = run('sgdisk', '-v', '-p', raw);
  expect(table).toContain('No problems found');
  const partitions = [...table.matchAll(/^ +(\d+) +(\d+) +(\d+) .* ([A-Z]\S*)$/gm)];
  expect(partitions.map(([, ...fields]) => fields.join(' '))).toEqual([
    '1 2048 75775 System',
    '2 77824 1126399 IMGA',
    '4 75776 77823 CONFIG',
  ]);
  expect(run('od', '-An', '-v', '-tx1', '-j446', '-N32', raw).replace(/\s/g, '')).toBe(
    '802021000cb632040008000000200100' + '00000200ee20200001000000ff070000',
  );
  const cmp = (file: string, sector: number) =>
    run('cmp', '-n', run('stat', '-c', '%s', file).trim(), '-i', `${sector * SECTOR}:0`, raw, file);
  cmp(`one/${NAME}.rootfs.img`, 77824);
  cmp(`one/${NAME}.config.img`, 75776);
  run('dd', `if=${raw}`, 'of=esp.img', 'bs=512', 'skip=2048', 'count=73728', 'status=none');
  expect(fatFiles('esp.img').sort()).toEqual([
    ...['EFI/BOOT/BOOTX64.EFI', 'EFI/BOOT/grubx64.efi', 'EFI/BOOT/mmx64.efi', 'EFI/debian/grub.cfg'],
    ...['initrd', 'vmlinuz'],
  ]);
});

test('the root file system carries its kernel, and the configuration what it was made of', () => {
  const listed = run('unsquashfs', '-lln', `one/${NAME}.rootfs.img`);
  for (const path of [
    'boot/kernel',
    'boot/cmdline',
    'usr/sbin/init',
    'containers/services/getty/config.json',
  ])
    expect(listed).toMatch(new RegExp(` squashfs-root/${path}( |$)`, 'm'));
  const config = `one/${NAME}.config.img`;
  expect(run('stat', '-c', '%s', config).trim()).toBe(String(MIB));
  expect(fatFiles(config).sort()).toEqual([
    ...['DevicePortConfig/override.json', `origin.2025-01-01.${VERSION}`, 'server'],
  ]);
  expect(run('mtype', '-i', config, '::server')).toBe('edge.example:443\n');
  expect(run('mlabel', '-s', '-i', config, '::')).toMatch(/Volume label is EVE\b/);
});

test.each(['qcow2', 'vdi', 'vmdk', 'vhdx'])('the same disk as %s, larger', (format) => {
  const file = `one/${NAME}.${format}`;
  if (format !== 'vmdk') run('qemu-img', 'check', file);
  const { 'virtual-size': size } = JSON.parse(run('qemu-img', 'info', '--output=json', file)) as {
    'virtual-size': number;
  };
  expect(size).toBe(LARGER * MIB);
  run('qemu-img', 'convert', '-O', 'raw', file, 'back.raw');
  expect(run('sgdisk', '-v', 'back.raw')).toContain('No problems found');
  // All but the tables, whose second one is at the new end.
  run('cmp', '-i', String(MIB), '-n', String(549 * MIB), 'back.raw', raw);
  rmSync(join(dir, 'back.raw'));
});

test('the same disk in archives: Google’s, that of Parallels with its description, a whole machine', () => {
  run('tar', '-xzf', `one/${NAME}.gce.tar.gz`);
  run('cmp', '-i', String(MIB), '-n', String(549 * MIB), 'disk.raw', raw);
  run('unzip', '-q', `one/${NAME}.hdd.zip`);
  const descriptor = run('cat', `${NAME}.hdd/DiskDescriptor.xml`);
  expect(descriptor).toContain(`<Disk_size>${(LARGER * MIB) / SECTOR}</Disk_size>`);
  const image = /<File>(.*)<\/File>/.exec(descriptor)![1]!;
  expect(run('qemu-img', 'info', '-f', 'parallels', `${NAME}.hdd/${image}`)).toContain('640 MiB');
  expect(run('tar', '-tf', `one/${NAME}.ova`).trim().split('\n')).toHaveLength(3);
});

test.runIf(LONG)('the same bits, made again', async () => {
  const again = await edge(
    'build',
    'two',
    [...SETTINGS, `compose.config=${join(dir, 'conf')}`],
    ['--only', 'package'],
  );
  expect(again.exitCode, again.all).toBe(0);
  const settings = [...SETTINGS, `compose.config=${join(dir, 'conf')}`];
  expect((await edge('build', 'two', settings)).exitCode).toBe(0);
  run('diff', '-r', '-q', 'one', 'two');
});

test('starts under Secure Boot, in test-all also with a BIOS', async () => {
  const tested = await edge('test', 'one', [], LONG ? [] : ['--scenario', 'edge-live']);
  expect(tested.exitCode, tested.all).toBe(0);
});

test.each<[string, string[], () => void, RegExp]>([
  [
    'a layout without slots',
    ['image.layout=desktop'],
    () => {},
    /desktop cannot be used: it has no slots[\s\S]*edge-2024/,
  ],
  [
    'a file whose name FAT cannot hold',
    ['compose.config=bad'],
    () => writeFileSync(join(dir, 'bad/a:b'), ''),
    /a:b cannot lie on the configuration volume: it has one of/,
  ],
  [
    'a configuration that is too large',
    ['compose.config=bad'],
    () => {
      writeFileSync(join(dir, 'bad/large'), '');
      truncateSync(join(dir, 'bad/large'), 2 * MIB);
    },
    /needs 2097152 bytes on the configuration volume, which has room for 1028096; largest: large 2\.0 MiB/,
  ],
])('%s: one error before any work', async (_what, set, prepare, message) => {
  rmSync(join(dir, 'bad'), { recursive: true, force: true });
  mkdirSync(join(dir, 'bad'));
  prepare();
  const done = await edge(
    'build',
    'bad-out',
    set.map((each) => each.replace('=bad', `=${join(dir, 'bad')}`)),
  );
  expect(done.all).toMatch(message);
  expect(done.exitCode).not.toBe(0);
  expect(done.all).not.toContain('Compose');
});

test.each<[string, string[], RegExp]>([
  [
    'a slot',
    ['image.slot_size=16M'],
    /The image for the partition imga is \d+ bytes .* above the limit of 16777216; largest: [\w/.-]+ \d/,
  ],
  [
    'an EFI system partition',
    ['image.esp_size=10M'],
    /What boots the system, for the partition efi, is \d+ bytes .* above the limit of 10485760; largest: initrd \d.* vmlinuz \d/,
  ],
  [
    'a slot of machines in the field',
    ['image.compression=lz4', 'image.compression_level=1', 'fleet-2024.slot=64M'],
    /The root file system needs \d+ bytes .*, the slot of 2024 has 67108864 .*; largest: usr\/\S+ \d.*; since the last build: the root file system grew by \d/,
  ],
])(
  '%s that is too small names what is largest',
  async (_what, set, message) => {
    const done = await edge('build', 'bad-out', set);
    expect(done.exitCode).toBe(1);
    expect(done.all).toMatch(message);
  },
  300_000,
);
