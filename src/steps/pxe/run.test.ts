import { expect, it } from 'vitest';
import { describeWith, run } from '../../disk/testing.ts';
import { runStep, sameFiles } from '../testing.ts';

const inputs = {
  vmlinuz: Buffer.alloc(1_000_000, 1),
  initrd: Buffer.alloc(3_000_001, 2),
  shim: Buffer.from('shim'),
  grubnet: Buffer.from('grub'),
};

describeWith(['tar'], 'the network boot archive', () => {
  it.each([
    ['amd64', 'bootx64.efi', 'grubx64.efi', {}],
    ['arm64', 'bootaa64.efi', 'grubaa64.efi', {}],
    ['arm64', 'bootaa64.efi', 'grub.efi', { names: { grub: 'grub.efi', mm: 'MokManager.efi' } }],
  ])('is a TFTP root for %s machines: %s %s, the same bits again', async (arch, shim, grub, own) => {
    const params = { arch, cmdline: 'quiet', title: 'Test', ...own };
    const made = await runStep('pxe', params, inputs);
    const listing = run(['tar', '-tvf', made.files['file']!], { env: { TZ: 'UTC' } })
      .stdout.trim()
      .split('\n');
    expect(listing.map((line) => line.split(/\s+/).slice(1).join(' '))).toEqual([
      '0/0 0 2023-11-14 22:13 grub/',
      `0/0 4 2023-11-14 22:13 ${shim}`,
      `0/0 4 2023-11-14 22:13 ${grub}`,
      expect.stringMatching(/^0\/0 \d+ 2023-11-14 22:13 grub\/grub\.cfg$/),
      '0/0 1000000 2023-11-14 22:13 vmlinuz',
      '0/0 3000001 2023-11-14 22:13 initrd',
    ]);
    expect(sameFiles(made, await runStep('pxe', params, inputs))).toBe(true);
  });
});
