import { expect, it } from 'vitest';
import { fatImage } from '../../disk/mtools.ts';
import { applianceLayout } from '../../disk/layouts/appliance.ts';
import { MIB } from '../../disk/layout.ts';
import { describeWith, run } from '../../disk/testing.ts';
import type { Step } from '../../plan/types.ts';
import { runStep, sameFiles } from '../testing.ts';

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
    expect(sameFiles(made, await runStep('disk', small, inputs, '1'.repeat(64)))).toBe(false);
  });

  it('that is too large says what it needs, the limit, and what is largest', async () => {
    await expect(runStep('disk', { ...params, maxSize: 100 * MIB }, inputs)).rejects.toMatchObject({
      code: 'E_TOO_LARGE',
      message: expect.stringMatching(
        /needs 130\.0 MiB, the limit is 100\.0 MiB; largest: osmith\/a\/initrd 20\.0 MiB, osmith\/a\/vmlinuz 3\.0 MiB/,
      ) as string,
    });
    await expect(runStep('disk', { ...params, espSize: 21 * MIB }, inputs)).rejects.toMatchObject({
      code: 'E_TOO_LARGE',
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
