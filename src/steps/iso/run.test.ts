import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MIB } from '../../disk/layout.ts';
import { describeWith, run, scratch } from '../../disk/testing.ts';
import { runStep, sameFiles } from '../testing.ts';

const inputs = {
  vmlinuz: Buffer.alloc(3 * MIB, 1),
  initrd: Buffer.alloc(5 * MIB + 1, 2),
  shim: Buffer.alloc(900_000, 3),
  grub: Buffer.alloc(2_000_000, 4),
  mm: Buffer.from('mm'),
  extra: Buffer.from('extra'),
};
const params = {
  ...{ arch: 'amd64', label: 'Test: the “system” 1.0', title: 'Test', cmdline: 'quiet', bios: true },
  files: { 'osmith/deep/a=b': 'extra' },
};

describeWith(
  ['xorriso', 'isoinfo', 'sgdisk', 'mkfs.vfat', 'mcopy', 'fsck.vfat', 'grub-mkimage'],
  'the ISO image',
  () => {
    it('is a CD for both kinds of firmware and a disk with a GPT, and the same bits again', async () => {
      const made = await runStep('iso', params, inputs);
      const iso = made.files['file']!;
      const report = run(['xorriso', '-indev', iso, '-report_el_torito', 'plain']).stdout;
      expect(report).toMatch(/El Torito boot img : +1 +BIOS +y +none/);
      expect(report).toMatch(/El Torito boot img : +2 +UEFI +y +none/);
      const system = run(['xorriso', '-indev', iso, '-report_system_area', 'plain']).stdout;
      expect(system).toMatch(/grub2-mbr .*GPT/);
      const verified = run(['sgdisk', '-v', '-p', iso]).stdout;
      expect(verified).toContain('No problems found');
      // The EFI partition has what firmware and shim look for.
      const [, start, end] = /^ +2 +(\d+) +(\d+) .* EF00 /m.exec(verified)!.map(Number);
      const efi = `${scratch()}/efi.img`;
      run(['dd', `if=${iso}`, `of=${efi}`, 'bs=512', `skip=${start}`, `count=${end! - start! + 1}`]);
      expect(run(['fsck.vfat', '-n', efi]).status).toBe(0);
      const files = run(['mdir', '-b', '-/', '-i', efi, '::']).stdout.split('\n');
      expect(files.filter((name) => name !== '' && !name.endsWith('/')).sort()).toEqual([
        '::/EFI/BOOT/BOOTX64.EFI',
        '::/EFI/BOOT/grubx64.efi',
        '::/EFI/BOOT/mmx64.efi',
        '::/EFI/debian/grub.cfg',
      ]);
      expect(sameFiles(made, await runStep('iso', params, inputs))).toBe(true);
    });

    it('has the files, all root’s and of one time, under a label that fits', async () => {
      const { files } = await runStep('iso', params, inputs);
      const iso = files['file']!;
      expect(run(['isoinfo', '-d', '-i', iso]).stdout).toContain('Volume id: Test-the-system-1-0\n');
      const listing = run(['isoinfo', '-R', '-f', '-i', iso]).stdout.split('\n');
      expect(listing).toEqual(
        expect.arrayContaining(['/boot/vmlinuz', '/boot/initrd', '/osmith/deep/a=b', '/EFI/debian/grub.cfg']),
      );
      const read = (path: string) => run(['isoinfo', '-R', '-i', iso, '-x', path]).stdout;
      expect(read('/osmith/deep/a=b')).toBe('extra');
      const medium = listing.find((name) => name.startsWith('/osmith/medium-'))!;
      // GRUB finds the medium by that file, whichever drive it is.
      expect(read('/boot/grub/grub.cfg')).toContain(`search --no-floppy --set=root --file ${medium}\n`);
      const lines = run(['isoinfo', '-R', '-l', '-i', iso], { env: { TZ: 'UTC' } }).stdout.split('\n');
      const entries = lines.filter((line) => /^[-d]r/.test(line));
      expect(entries.every((line) => / 0 +0 .* Nov 14 2023 /.test(line))).toBe(true);
    });

    it('without BIOS has no boot image for it; one that is too large says why', async () => {
      const { files } = await runStep('iso', { ...params, bios: false, arch: 'arm64' }, inputs);
      const report = run(['xorriso', '-indev', files['file']!, '-report_el_torito', 'plain']).stdout;
      expect(report).toMatch(/El Torito boot img : +1 +UEFI/);
      expect(report).not.toMatch(/BIOS/);
      expect(
        readFileSync(files['file']!)
          .subarray(0, 440)
          .every((byte) => byte === 0),
      ).toBe(true);
      await expect(runStep('iso', { ...params, maxSize: MIB }, inputs)).rejects.toMatchObject({
        code: 'E_TOO_LARGE',
        message: expect.stringMatching(
          /iso image .* above the limit of 1048576; largest: boot\/initrd 5\.0 MiB/,
        ) as string,
      });
    });
  },
);
