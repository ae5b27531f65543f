import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fatImage } from '../../disk/mtools.ts';
import { applianceLayout } from '../../disk/layouts/appliance.ts';
import { extraLayout } from '../../disk/layouts/desktop.ts';
import { layoutSchema, MIB } from '../../disk/layout.ts';
import { describeWith, run, scratch } from '../../disk/testing.ts';
import type { Step } from '../../plan/types.ts';
import { addBlob, type Store } from '../../run/store.ts';
import { runStep, sameFiles, treeOf } from '../testing.ts';

async function addImage(store: Store, data: Buffer): ReturnType<typeof addBlob> {
  const file = join(scratch(), 'image');
  writeFileSync(file, data);
  return addBlob(store, file, createHash('sha256').update(data).digest('hex'));
}

const inputs = {
  vmlinuz: Buffer.alloc(3 * MIB, 1),
  initrd: Buffer.alloc(20 * MIB + 1, 2),
  shim: Buffer.from('shim'),
  grub: Buffer.from('grub'),
};
const layout = applianceLayout as unknown as Step['params'];
const menu = { name: 'test', cmdline: 'quiet', title: 'Test' };
const params = { ...menu, layout, arch: 'amd64', label: 'TEST', bios: false };
const small = { ...params, espSize: 40 * MIB };

describeWith(['sfdisk', 'sgdisk', 'mkfs.vfat', 'mcopy', 'mdir'], 'the disk', () => {
  it('has the boot files where firmware and GRUB look, and is the same bits again', async () => {
    const made = await runStep('disk', small, inputs);
    const raw = made.files['raw']!;
    expect(run(['sgdisk', '-v', raw]).stdout).toContain('No problems found');
    const env = { MTOOLS_SKIP_CHECK: '1' };
    const files = run(['mdir', '-b', '-/', '-i', fatImage(raw, MIB), '::'], { env }).stdout.split('\n');
    expect(files.filter((name) => name !== '' && !name.endsWith('/')).sort()).toEqual([
      '::/EFI/BOOT/BOOTX64.EFI',
      '::/EFI/BOOT/grubx64.efi',
      '::/EFI/debian/grub.cfg',
      '::/osmith/a/initrd',
      '::/osmith/a/slot.cfg',
      '::/osmith/a/vmlinuz',
      '::/osmith/grubenv',
    ]);
    expect(sameFiles(made, await runStep('disk', small, inputs))).toBe(true);
    expect(sameFiles(made, await runStep('disk', small, inputs, { seed: '1'.repeat(64) }))).toBe(false);
  });

  it('can be larger than what it holds, and is never smaller', async () => {
    const raw = (await runStep('disk', { ...small, size: 90 * MIB }, inputs)).files['raw']!;
    expect(statSync(raw).size).toBe(90 * MIB);
    expect(run(['sgdisk', '-v', raw]).stdout).toContain('No problems found');
    await expect(runStep('disk', { ...small, size: 30 * MIB }, inputs)).rejects.toMatchObject({
      code: 'E_TOO_LARGE',
    });
  });

  it('that is too large says what it needs, the limit, and what is largest', async () => {
    await expect(runStep('disk', { ...params, maxSize: 100 * MIB }, inputs)).rejects.toMatchObject({
      code: 'E_TOO_LARGE',
      message: expect.stringMatching(
        /is 136314880 bytes \(130\.0 MiB\), 31457280 bytes above the limit of 104857600; largest: osmith\/a\/initrd 20\.0 MiB, osmith\/a\/vmlinuz 3\.0 MiB/,
      ) as string,
    });
    await expect(runStep('disk', { ...params, espSize: 21 * MIB }, inputs)).rejects.toMatchObject({
      code: 'E_TOO_LARGE',
    });
  });
});

describeWith(['sfdisk', 'mkfs.vfat', 'mcopy', 'dd'], 'a disk of any layout', () => {
  it('has images in their partitions, blobs at their places, the growth mark, and files that were asked for', async () => {
    const random = layoutSchema.parse({
      ...{ name: 'board', table: 'dos', align: MIB },
      partitions: [
        {
          name: 'data',
          type: '83',
          number: 3,
          size: { times: 1, headroom: 0, min: 1 },
          contents: 'image',
          grows: true,
        },
        { name: 'boot', type: 'ef', number: 1, size: { bytes: 40 * MIB }, contents: 'esp' },
        { name: 'none', type: 'da', number: 2, size: { bytes: MIB }, contents: 'empty' },
      ],
      blobs: [{ input: 'loader', start: 64 * 512, max: 4096 }],
    });
    const data = Buffer.alloc(MIB + 5, 'data');
    const loader = Buffer.alloc(700, 'loader');
    const made = await runStep(
      'disk',
      {
        ...{ arch: 'arm64', bios: false, system: 'none', layout: random as unknown as Step['params'] },
        files: { 'deep/er/file': 'data' },
      },
      { data, loader },
    );
    const disk = readFileSync(made.files['raw']!);
    expect(disk.subarray(MIB, MIB + data.length).equals(data)).toBe(true);
    expect(disk.subarray(64 * 512, 64 * 512 + 700).equals(loader)).toBe(true);
    expect(disk[498]).toBe(0xdd);
    const copy = run(['mcopy', '-i', fatImage(made.files['raw']!, 3 * MIB), '::deep/er/file', '-'], {
      env: { MTOOLS_SKIP_CHECK: '1' },
    });
    expect(copy.stdout).toBe(data.toString());
    const big = { ...random, blobs: [{ input: 'loader', start: 64 * 512, max: 512 }] };
    await expect(
      runStep('disk', { arch: 'arm64', bios: false, system: 'none', layout: big as never }, { data, loader }),
    ).rejects.toMatchObject({
      code: 'E_TOO_LARGE',
      message: expect.stringContaining('loader has 700') as string,
    });
  });
});

describeWith(['sfdisk', 'sgdisk'], 'the second disk of a system', () => {
  const extra = {
    layout: extraLayout as unknown as Step['params'],
    arch: 'amd64',
    system: 'none',
    bios: false,
  };

  it('is one partition, and names what its tree holds when it is too large', async () => {
    const image = Buffer.alloc(3 * MIB, 'content');
    const { files } = await runStep('disk', extra, { extra: image });
    const raw = files['raw']!;
    expect(run(['sgdisk', '-v', raw]).stdout).toContain('No problems found');
    expect(run(['sgdisk', '-i', '1', raw]).stdout).toMatch(/0FC63DAF.*\n[^]*name: 'extra'/);
    expect(
      readFileSync(raw)
        .subarray(MIB, 4 * MIB)
        .equals(image),
    ).toBe(true);
    const made = await runStep('stack', { what: 'x' }, { base: treeOf([]), top: treeOf([]) });
    const facts = { largest: [{ path: 'var/lib/flatpak', size: 2 * MIB }] };
    const result = { ...made.result, facts, files: { image: await addImage(made.store, image) } };
    await expect(
      runStep(
        'disk',
        { ...extra, maxSize: 4 * MIB },
        { extra: { result, output: 'image' } },
        { store: made.store },
      ),
    ).rejects.toMatchObject({
      code: 'E_TOO_LARGE',
      message: expect.stringContaining('largest: var/lib/flatpak 2.0 MiB') as string,
    });
  });
});

describeWith(['sfdisk', 'mkfs.vfat', 'mcopy', 'grub-mkimage'], 'a disk for BIOS machines too', () => {
  it('has GRUB’s code in the first sector and the partition that it names', async () => {
    const { files } = await runStep('disk', { ...small, bios: true }, inputs);
    const sector = run(['od', '-A', 'n', '-t', 'u8', '-j', '92', '-N', '8', files['raw']!]).stdout.trim();
    const table = JSON.parse(run(['sfdisk', '--json', files['raw']!]).stdout) as {
      partitiontable: { partitions: { start: number; name: string }[] };
    };
    const bios = table.partitiontable.partitions.find(({ name }) => name === 'bios');
    expect(sector).toBe(String(bios!.start));
  });

  it('is refused for arm64', async () => {
    await expect(runStep('disk', { ...params, arch: 'arm64', bios: true }, inputs)).rejects.toThrow(
      /no BIOS/,
    );
  });
});
