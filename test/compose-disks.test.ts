/** Disks and file systems of compositions, by the real command with this machine's programs, read by others. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { layerTar, writeLayout } from '../src/oci/testing.ts';
import { LONG } from './support/long.ts';
import { osmith, type Finished } from './support/osmith.ts';

let dir = '';

const SYSTEM = `
kernel: {image: test/kernel:1, cmdline: "console=ttyS0 quiet", tar: none}
init: [test/init:1]
files:
  - {path: etc/deep/file, contents: hello, mode: "0640"}
  - {path: etc/hosts, contents: mine, mode: "0644"}
`;

async function compose(file: string, store: string, args: string[]): Promise<Finished> {
  const env = { OSMITH_STORE: join(dir, store) };
  const tools = ['--set', 'tools.mode=host'];
  return osmith(['compose', file, '--layout', 'layout', '--arch', 'amd64', ...tools, ...args], {
    cwd: dir,
    env,
  });
}

function run(...argv: string[]): string {
  const { status, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { cwd: dir, encoding: 'utf8' });
  expect(status, `${argv.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

const DISKS =
  'raw-efi,qcow2-efi,iso-bios,iso-efi,iso-efi-initrd,raw-bios,qcow2-bios,aws,gcp,vhd,vmdk,kernel+squashfs';

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-disks-'));
  writeLayout(join(dir, 'layout'), [
    {
      name: 'docker.io/test/kernel:1',
      layers: [layerTar([{ name: 'kernel', content: 'KERNEL'.repeat(1000), mode: 0o755 }])],
    },
    {
      name: 'docker.io/test/init:1',
      layers: [
        layerTar([
          { name: 'bin/tool', content: 'tool', mode: 0o4755, uid: 3, gid: 4 },
          { name: 'bin/link', type: '1', link: 'bin/tool' },
          { name: 'bin/', type: '5', mode: 0o711 },
        ]),
      ],
    },
  ]);
  writeFileSync(join(dir, 'system.yml'), SYSTEM);
  const done = await compose('system.yml', 'store', ['--format', DISKS, '--output', 'out/sys']);
  expect(done.exitCode, done.all).toBe(0);
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a disk that BIOS machines start: table, loader, kernel, initrd, command line', () => {
  const disk = 'out/sys-bios.img';
  const { partitiontable } = JSON.parse(run('sfdisk', '--json', disk)) as {
    partitiontable: { label: string; partitions: { start: number; type: string; bootable: boolean }[] };
  };
  expect(partitiontable).toMatchObject({
    label: 'dos',
    partitions: [{ start: 2048, type: 'ef', bootable: true }],
  });
  const volume = `${disk}@@${2048 * 512}`;
  expect(run('mtype', '-i', volume, '::vmlinuz')).toBe('KERNEL'.repeat(1000));
  expect(run('mtype', '-i', volume, '::boot/grub/grub.cfg')).toContain('linux /vmlinuz console=ttyS0 quiet');
  run('mcopy', '-i', volume, '::initrd', 'initrd');
  expect(run('sh', '-c', 'gzip -dc initrd | cpio -t --quiet')).toContain('etc/deep/file\n');
  const bytes = readFileSync(join(dir, disk));
  expect(bytes.readBigUInt64LE(0x5c)).toBe(1n);
  expect(bytes.readUInt32LE(512)).not.toBe(0);
  run('dd', `if=${disk}`, 'of=fat.img', 'bs=1M', 'skip=1', 'status=none');
  run('fsck.fat', '-n', 'fat.img');
  expect(readFileSync(join(dir, 'out/sys.raw')).equals(bytes)).toBe(true);
});

const LOADERS = ['EFI/BOOT/BOOTX64.EFI', 'EFI/BOOT/grubx64.efi', 'EFI/BOOT/mmx64.efi'];

/** Files of the FAT volume at a sector of an image, and that it is sound. */
function fatFiles(image: string, sector: number, sectors: number): string[] {
  run('dd', `if=${image}`, 'of=fat.img', 'bs=512', `skip=${sector}`, `count=${sectors}`, 'status=none');
  run('fsck.fat', '-n', 'fat.img');
  for (const loader of LOADERS) {
    run('mcopy', '-n', '-o', '-i', 'fat.img', `::${loader}`, 'loader.efi');
    expect(readFileSync(join(dir, 'loader.efi')).subarray(0, 2).toString()).toBe('MZ');
  }
  return run('mdir', '-b', '-/', '-i', 'fat.img', '::')
    .split('\n')
    .filter((name) => /[^/]$/.test(name))
    .map((name) => name.replace('::/', ''))
    .sort();
}

/** First and last sector of the EFI partition. */
function efiPartition(image: string): [number, number] {
  const table = run('sgdisk', '-v', '-p', image);
  expect(table).toContain('No problems found');
  const [, start, end] = /^ +\d+ +(\d+) +(\d+) .* EF00 /m.exec(table)!.map(Number);
  return [start!, end!];
}

test('a disk that UEFI machines start: the signed loaders, and what they start', () => {
  const [start, end] = efiPartition('out/sys-efi.img');
  const files = fatFiles('out/sys-efi.img', start, end - start + 1);
  expect(files).toEqual([...LOADERS, 'EFI/debian/grub.cfg', 'initrd', 'vmlinuz']);
  expect(run('mtype', '-i', 'fat.img', '::EFI/debian/grub.cfg')).toContain(
    'linux /vmlinuz console=ttyS0 quiet\n',
  );
  expect(run('mtype', '-i', 'fat.img', '::vmlinuz')).toBe('KERNEL'.repeat(1000));
  const compared = run('qemu-img', 'compare', '-F', 'raw', 'out/sys-efi.qcow2', 'out/sys-efi.img');
  expect(compared).toContain('Images are identical');
});

test.each([
  ['out/sys.iso', ['BIOS', 'UEFI']],
  ['out/sys-efi.iso', ['UEFI']],
])('%s is a CD and a disk that start under %s', (iso, platforms) => {
  const catalog = run('xorriso', '-indev', iso, '-report_el_torito', 'plain');
  expect([...catalog.matchAll(/boot img : +\d +(\w+) +y/g)].map(([, platform]) => platform)).toEqual(
    platforms,
  );
  const [start, end] = efiPartition(iso);
  expect(fatFiles(iso, start, end - start + 1)).toEqual([...LOADERS, 'EFI/debian/grub.cfg']);
  const read = (path: string) => run('isoinfo', '-R', '-i', iso, '-x', path);
  expect(read('/boot/vmlinuz')).toBe('KERNEL'.repeat(1000));
  expect(read('/boot/grub/grub.cfg')).toContain('linux /boot/vmlinuz console=ttyS0 quiet\n');
  const unpacked = run('sh', '-c', `isoinfo -R -i ${iso} -x /boot/initrd | gzip -dc | cpio -t --quiet`);
  expect(unpacked).toContain('etc/deep/file\n');
});

test.each([
  ['out/sys.qcow2', 'qcow2'],
  ['out/sys.vmdk', 'vmdk'],
  ['out/sys.vhd', 'vpc'],
])('%s holds that disk', (file, format) => {
  const compared = run('qemu-img', 'compare', '-f', format, '-F', 'raw', file, 'out/sys-bios.img');
  expect(compared).toContain('Images are identical');
});

test('Google’s archive holds that disk', () => {
  run('tar', '-xzf', 'out/sys.img.tar.gz');
  const size = statSync(join(dir, 'out/sys-bios.img')).size;
  run('cmp', '-n', String(size), 'disk.raw', 'out/sys-bios.img');
  // A whole number of gibibytes, as Google wants it.
  expect(statSync(join(dir, 'disk.raw')).size).toBe(1 << 30);
});

test('the root file system as squashfs: as the tar unpacks, without what the boot loader has', () => {
  run('unsquashfs', '-q', '-n', '-d', 'root', 'out/sys-squashfs.img');
  expect(run('cat', 'root/etc/hosts')).toBe('mine');
  const listed = run('unsquashfs', '-lln', 'out/sys-squashfs.img').split('\n');
  const line = (path: string) => listed.find((each) => each.endsWith(` squashfs-root${path}`));
  expect(line('/bin')).toMatch(/^drwx--x--x 0\/0/);
  expect(line('/bin/tool')).toMatch(/^-rwsr-xr-x 3\/4/);
  // The last that the tar says of it: who may read a file there may enter.
  expect(line('/etc')).toMatch(/^drwxr-x--- 0\/0/);
  expect(line('/boot')).toBeUndefined();
  expect(run('stat', '-c', '%h', 'root/bin/link').trim()).toBe('2');
  expect(readFileSync(join(dir, 'out/sys-cmdline'), 'utf8')).toBe('console=ttyS0 quiet');
});

test.runIf(LONG)('the same bytes from another store', async () => {
  const done = await compose('system.yml', 'store2', ['--format', DISKS, '--output', 'again/sys']);
  expect(done.exitCode, done.all).toBe(0);
  run('diff', '-r', 'out', 'again');
});

test.each<[string, string, string[], RegExp]>([
  [
    'another architecture',
    SYSTEM,
    ['--arch', 'arm64', '--format', 'raw-bios'],
    /raw-bios is for BIOS machines/,
  ],
  [
    'one without signed loaders',
    SYSTEM,
    ['--arch', 'riscv64', '--format', 'raw-efi'],
    /raw-efi has signed boot loaders, which riscv64 has not/,
  ],
  [
    'two formats with one name',
    SYSTEM,
    ['--format', 'vhd,dynamic-vhd'],
    /dynamic-vhd would be the same file/,
  ],
  [
    'a command line that GRUB would run',
    SYSTEM.replace('quiet"', '; halt"'),
    ['--format', 'qcow2-bios'],
    /command line cannot be given to a boot loader[\s\S]*bad\.yml:2/,
  ],
])('%s: one error before any work', async (_what, text, args, message) => {
  writeFileSync(join(dir, 'bad.yml'), text);
  const done = await compose('bad.yml', 'store', [...args, '--output', 'bad/x']);
  expect(done.all).toMatch(message);
  expect(done.exitCode).toBe(2);
});
