/** One build in every format: each is opened with a program that is not ours, holds the disk, and the ISO image boots. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectDisk, expectVirtual } from '../src/disk/testing.ts';
import { osmith } from './support/osmith.ts';

const FORMATS =
  'raw.gz raw.xz raw.zst qcow2 vmdk vdi vhdx vhd dynamic.vhd hdd.zip gce.tar.gz ova ovf.zip iso'.split(' ');
const EXTRA = 3 * 2 ** 30;

let dir: string;
let out: string;
/** Of the disk. */
let size: number;
const file = (format: string) => join(out, `osmith_deb_amd64.${format}`);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-test-'));
  out = join(dir, 'out');
  const built = await osmith([
    ...['build', '--out', out, '--set', `image.formats_add=${FORMATS.join(' ')}`],
    ...['--set', 'image.extra_space=3G', '--set', 'image.limits_add=iso:4G'],
  ]);
  expect(built.exitCode, built.all).toBe(0);
  ({ size } = await stat(file('raw')));
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

test.each([
  ['raw.gz', 'gzip'],
  ['raw.xz', 'xz'],
  ['raw.zst', 'zstd'],
])('%s unpacks to the disk', async (format, program) => {
  const { stdout } = await execa('sh', [
    '-c',
    '"$1" -dc "$2" | cmp - "$3" && echo same',
    'sh',
    program,
    file(format),
    file('raw'),
  ]);
  expect(stdout).toBe('same');
});

test.each([
  ['qcow2', 'qcow2', EXTRA],
  ['vmdk', 'vmdk', EXTRA],
  ['vdi', 'vdi', EXTRA],
  ['vhdx', 'vhdx', EXTRA],
  ['dynamic.vhd', 'vpc', EXTRA],
  ['vhd', 'vpc', 0],
])('%s is the disk, with room', (format, driver, more) => {
  expectVirtual(driver, file(format), file('raw'), size + more);
});

describe('archives', () => {
  test('of virtual machines hold their manifests', async () => {
    for (const format of ['ova', 'ovf.zip']) {
      const at = await mkdtemp(join(dir, 'archive-'));
      await (format === 'ova'
        ? execa('tar', ['-xf', file(format), '-C', at])
        : execa('unzip', ['-q', file(format), '-d', at]));
      const { stdout: manifest } = await execa('cat', [join(at, 'osmith_deb_amd64.mf')]);
      const input = manifest.replaceAll('SHA256(', 'SHA256 (').replaceAll(')=', ') =');
      await execa('sha256sum', ['-c', '-'], { cwd: at, input });
      expectVirtual('vmdk', join(at, 'osmith_deb_amd64.vmdk'), file('raw'), size + EXTRA);
      await rm(at, { recursive: true });
    }
  });

  test('for Parallels and Google hold the disk', async () => {
    await execa('unzip', ['-q', file('hdd.zip'), '-d', dir]);
    const { stdout } = await execa('find', [join(dir, 'osmith_deb_amd64.hdd'), '-name', '*.hds']);
    expectVirtual('parallels', stdout, file('raw'), size + EXTRA);
    await execa('tar', ['-xSf', file('gce.tar.gz'), '-C', dir]);
    expectDisk(join(dir, 'disk.raw'), file('raw'), 2 ** 30);
  });
});

test('the ISO image boots: as a CD under Secure Boot and BIOS, and as a USB stick', async () => {
  const names = ['iso-cd', 'iso-cd-bios', 'iso-usb'].flatMap((name) => ['--scenario', name]);
  const tested = await osmith(['test', '--out', out, ...names]);
  expect(tested.exitCode, tested.all).toBe(0);
});

test.each([
  [
    'an image over its limit',
    'image.limits_add=qcow2:10M',
    /The qcow2 image is \d+ bytes .* above the limit of 10485760/,
  ],
  [
    'a disk over its limit',
    'image.max_size=100M',
    /The disk image is \d+ bytes .* above the limit of 104857600; largest: osmith\/a\/initrd/,
  ],
])('%s is one clear error', async (_, set, message) => {
  const built = await osmith([
    'build',
    '--out',
    join(dir, 'none'),
    '--set',
    'image.formats_add=qcow2',
    '--set',
    set,
  ]);
  expect(built.exitCode).toBe(1);
  expect(built.all).toContain('E_TOO_LARGE');
  expect(built.all).toMatch(message);
});
