import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MIB, roundUp, SECTOR } from './layout.ts';
import { fatBytes, mkfsVfatArgv, sectorsPerCluster } from './mkfs-vfat.ts';
import { directoriesOf, fatImage, mcopyAllArgv, mcopyArgv, mmdArgv, mtoolsEnv } from './mtools.ts';
import { describeWith, run, scratch } from './testing.ts';

const START = 2 * MIB;
const env = { SOURCE_DATE_EPOCH: '1700000001', TZ: 'UTC', MTOOLS_SKIP_CHECK: '1' };

/** A disk with one volume of `size` bytes that holds these files. */
function makeVolume(dir: string, size: number, files: Record<string, Buffer>, zone = 'UTC'): string {
  const disk = join(dir, 'disk');
  const fd = openSync(disk, 'w');
  ftruncateSync(fd, START + size + MIB);
  closeSync(fd);
  const own = { ...env, TZ: zone };
  const made = run(mkfsVfatArgv({ disk, start: START, size, id: 'CAFE1234', label: 'OSMITH' }), { env: own });
  expect(made.status, made.stderr).toBe(0);
  const image = fatImage(disk, START);
  const targets = Object.keys(files);
  run(mmdArgv(image, directoriesOf(targets)), { env });
  for (const target of targets) {
    const source = join(dir, 'source');
    writeFileSync(source, files[target]!);
    expect(run(mcopyArgv(image, source, target), { env })).toMatchObject({ status: 0, stderr: '' });
  }
  return disk;
}

describe('sectorsPerCluster', () => {
  it('always makes enough clusters for FAT32', () => {
    fc.assert(
      fc.property(fc.integer({ min: 40 * MIB, max: 1 << 30 }), (size) => {
        const cluster = sectorsPerCluster(size);
        const clusters = (size / SECTOR - 32) / (cluster + 8 / SECTOR);
        expect(clusters).toBeGreaterThan(65525);
      }),
    );
  });
});

describeWith(['mkfs.vfat', 'mcopy', 'fsck.vfat', 'mtype'], 'FAT volumes', () => {
  it('hold just the files they were sized for, and fsck.vfat finds them sound', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 3 * MIB }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(sizes, (all) => {
        const dir = scratch();
        const files = Object.fromEntries(
          all.map((size, i) => [`EFI/D${i % 3}/file ${i}`, Buffer.alloc(size, i + 1)]),
        );
        const size = roundUp(Math.max(fatBytes(all), 40 * MIB), MIB);
        const disk = makeVolume(dir, size, files);
        const volume = join(dir, 'volume');
        writeFileSync(volume, readFileSync(disk).subarray(START, START + size));
        const check = run(['fsck.vfat', '-n', volume]);
        expect(check.status, check.stdout).toBe(0);
        const [name, content] = Object.entries(files).at(-1)!;
        expect(run(['mtype', '-i', fatImage(disk, START), `::${name}`]).stdout.length).toBe(content.length);
      }),
      { numRuns: 4 },
    );
  });

  it('are the same bits at another time and in another time zone', async () => {
    const files = {
      'EFI/BOOT/BOOTX64.EFI': Buffer.from('shim'),
      'osmith/a/vmlinuz': Buffer.alloc(70_000, 1),
    };
    const first = readFileSync(makeVolume(scratch(), 40 * MIB, files));
    await new Promise((resolve) => setTimeout(resolve, 2100)); // FAT counts in steps of two seconds
    const second = readFileSync(makeVolume(scratch(), 40 * MIB, files, 'Asia/Tokyo'));
    expect(second.equals(first)).toBe(true);
  });

  it('have several files of one copy in its order, and no times before those of FAT', () => {
    const dir = scratch();
    const image = fatImage(makeVolume(dir, 40 * MIB, { 'sub/first': Buffer.from('1') }), START);
    const sources = ['b', 'a', 'c'].map((name) => join(dir, name));
    for (const source of sources) writeFileSync(source, source);
    const copied = run(mcopyAllArgv(image, sources, 'sub'), { env: mtoolsEnv(0) });
    expect(copied).toMatchObject({ status: 0, stderr: '' });
    const listing = run(['mdir', '-i', image, '::sub'], { env }).stdout;
    expect(listing).toMatch(/\nfirst .*\nb .*1980-01-01.*\na .*1980-01-01.*\nc .*1980-01-01/);
  });
});
