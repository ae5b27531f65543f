import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MIB } from '../../disk/layout.ts';
import { applianceLayout } from '../../disk/layouts/appliance.ts';
import { dosLayout } from '../../disk/layouts/desktop.ts';
import { fatImage } from '../../disk/mtools.ts';
import { describeWith, run, scratch } from '../../disk/testing.ts';
import type { Step } from '../../plan/types.ts';
import { runStep, sameFiles } from '../testing.ts';

const layouts = { appliance: applianceLayout, dos: dosLayout } as unknown as Record<string, Step['params']>;
const loaders = {
  shim: Buffer.alloc(5000, 'shim'),
  grub: Buffer.alloc(70_000, 'grub'),
  mm: Buffer.from('mm'),
};
const system = { vmlinuz: Buffer.alloc(MIB, 1), initrd: Buffer.alloc(MIB, 2) };

describeWith(['sfdisk', 'mkfs.vfat', 'mcopy', 'grub-mkimage', 'unzip', 'sha256sum', 'dd'], 'boot.zip', () => {
  it.each(['appliance', 'dos'])('has the very loaders of the disk (%s) without its system', async (name) => {
    const params = { name: 'test', arch: 'amd64', bios: true, layout: layouts[name]!, system: 'plain' };
    const root = Buffer.alloc(MIB, 'root');
    const inputs = { ...loaders, ...system, ...(name === 'dos' ? { root } : {}) };
    const disk = await runStep('disk', { ...params, espSize: 40 * MIB }, inputs);
    const raw = { result: disk.result, output: 'raw' };
    const made = await runStep('boot-zip', {}, { raw }, { store: disk.store });
    expect(sameFiles(made, await runStep('boot-zip', {}, { raw }, { store: disk.store }))).toBe(true);
    const [zip, image] = [made.files['file']!, disk.files['raw']!];
    expect(run(['unzip', '-tq', zip])).toMatchObject({ status: 0, stderr: '' });
    const dir = scratch();
    expect(run(['unzip', '-q', zip, '-d', dir]).status).toBe(0);
    const sums = run(['sha256sum', '-c', 'SHA256SUMS'], { cwd: dir });
    expect(sums.status).toBe(0);
    expect(sums.stdout.split('\n').filter(Boolean)).toEqual(
      [
        ...['esp/EFI/BOOT/BOOTX64.EFI', 'esp/EFI/BOOT/grubx64.efi', 'esp/EFI/BOOT/mmx64.efi'],
        ...['esp/EFI/debian/grub.cfg', 'disk/boot.img', 'disk/core.img', 'places.json'],
      ].map((file) => `${file}: OK`),
    );
    expect(readFileSync(join(dir, 'esp/EFI/BOOT/BOOTX64.EFI')).equals(loaders.shim)).toBe(true);
    const table = JSON.parse(run(['sfdisk', '--json', image]).stdout) as {
      partitiontable: { partitions: { start: number; name?: string; type: string }[] };
    };
    const { partitions } = table.partitiontable;
    const esp = partitions.find((each) => each.name === 'esp' || each.type === 'ef')!;
    const config = run(['mcopy', '-i', fatImage(image, esp.start * 512), '::EFI/debian/grub.cfg', '-'], {
      env: { MTOOLS_SKIP_CHECK: '1' },
    });
    expect(readFileSync(join(dir, 'esp/EFI/debian/grub.cfg'), 'utf8')).toBe(config.stdout);
    const bios = partitions.find((each) => each.name === 'bios')?.start ?? 1;
    const sectors = JSON.parse(readFileSync(join(dir, 'places.json'), 'utf8')) as unknown;
    expect(sectors).toEqual([
      { file: 'disk/boot.img', sector: 0 },
      { file: 'disk/core.img', sector: bios },
    ]);
    for (const [file, sector] of [
      ['boot.img', 0],
      ['core.img', bios],
    ] as const) {
      const part = readFileSync(join(dir, 'disk', file));
      expect(part.length).toBeGreaterThanOrEqual(440);
      const start = sector * 512;
      expect(
        readFileSync(image)
          .subarray(start, start + part.length)
          .equals(part),
      ).toBe(true);
    }
  });
});
