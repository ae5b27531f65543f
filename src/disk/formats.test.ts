import { closeSync, copyFileSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compressArgv, decompressArgv, type Compressor } from './compressors.ts';
import { crc32c } from './crc32c.ts';
import { isStaticElf } from './elf.ts';
import { guidBytes, seededUuid } from './ids.ts';
import { qemuImgArgv, type VirtualDiskFormat } from './qemu-img.ts';
import { settleIds } from './virtual-disk-ids.ts';
import { describeWith, run, scratch } from './testing.ts';

/** A sparse disk with some content at both ends. */
function makeDisk(dir: string): string {
  const disk = join(dir, 'raw');
  const fd = openSync(disk, 'w');
  ftruncateSync(fd, 20 << 20);
  writeSync(fd, Buffer.from('start'.repeat(40_000)), 0, 200_000, 4096);
  writeSync(fd, Buffer.from('end'), 0, 3, (20 << 20) - 512);
  closeSync(fd);
  return disk;
}

describeWith(['qemu-img'], 'virtual disks', () => {
  it.each(['qcow2', 'vmdk', 'vdi', 'vhdx', 'vhd', 'dynamic.vhd', 'parallels'] as VirtualDiskFormat[])(
    'as %s: same bits each time, sound, same content',
    async (format) => {
      const made: Buffer[] = [];
      for (let time = 0; time < 2; time++) {
        const dir = scratch();
        const raw = makeDisk(dir);
        const file = join(dir, 'disk');
        expect(run(qemuImgArgv(format, { file: raw, format: 'raw' }, file)).status).toBe(0);
        await settleIds(file, format, 'f'.repeat(64), 1_700_000_000);
        const driver = format.endsWith('vhd') ? 'vpc' : format;
        const compared = run(['qemu-img', 'compare', '-f', 'raw', '-F', driver, raw, file]);
        expect(compared.stdout).toBe('Images are identical.\n');
        // The others cannot be checked, or not by this program.
        if (['qcow2', 'vdi', 'vhdx', 'parallels'].includes(format))
          expect(run(['qemu-img', 'check', '-f', driver, file]).status).toBe(0);
        made.push(readFileSync(file));
      }
      expect(made[1]!.equals(made[0]!)).toBe(true);
    },
  );
});

describeWith(['gzip', 'zstd', 'xz'], 'compressed files', () => {
  it.each(['gz', 'zst', 'xz'] as Compressor[])(
    'as %s do not depend on name and time, and unpack again',
    (compressor) => {
      const dir = scratch();
      const raw = makeDisk(dir);
      copyFileSync(raw, join(dir, `copy.${compressor}`));
      const hash = (argv: string[]) =>
        run(['sh', '-c', '"$@" | sha256sum', 'sh', ...argv], { cwd: dir }).stdout;
      const first = hash(compressArgv(compressor, 'raw'));
      expect(hash(compressArgv(compressor, 'raw', 7))).toBe(first);
      expect(hash(compressArgv(compressor, `copy.${compressor}`))).toBe(first);
      run(['sh', '-c', `"$@" > packed.${compressor}`, 'sh', ...compressArgv(compressor, 'raw')], {
        cwd: dir,
      });
      expect(hash(decompressArgv(`packed.${compressor}`)!)).toBe(hash(['cat', 'raw']));
    },
  );
});

describe('small readers', () => {
  it('compute CRC-32C (RFC 3720, B.4: 32 bytes of zeros, of ones, counting up)', () => {
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e);
  });

  it('make UUIDs of version 8 that differ by name, and order their bytes as GPT does', () => {
    const uuid = seededUuid('0', 'a');
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(seededUuid('0', 'b')).not.toBe(uuid);
    expect(guidBytes('00112233-4455-6677-8899-aabbccddeeff').toString('hex')).toBe(
      '33221100554477668899aabbccddeeff',
    );
  });
});

describeWith(['busybox', 'ldd'], 'isStaticElf', () => {
  it('agrees with ldd', () => {
    for (const program of ['/bin/busybox', '/bin/sh', '/usr/bin/env']) {
      const linked = run(['ldd', program]);
      const dynamic = linked.status === 0 && !/statically linked/.test(linked.stdout);
      expect([program, isStaticElf(readFileSync(program).subarray(0, 4096))]).toEqual([program, !dynamic]);
    }
    expect(isStaticElf(Buffer.from('#!/bin/sh\n'.padEnd(100)))).toBe(false);
  });
});
