import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatEnvironment, formatSlotConfig } from './boot-slots.ts';
import { diskGrubConfig, netGrubConfig } from './grub-config.ts';
import { ostreeGrubConfig } from './grub-ostree.ts';
import { MBR_CODE, patchBootImg, patchCoreImg } from './grub-bios.ts';
import { describeWith, run, scratch } from './testing.ts';

const entry = { title: `It's "a $title" \\ {x}; # no comment`, cmdline: 'console=ttyS0,115200 quiet' };
const system = { name: 'x', build: '0'.repeat(64), epoch: 1, issued: 0, parts: [] };

describeWith(['grub-script-check'], 'grub.cfg', () => {
  it.each([
    ['disk', diskGrubConfig(entry.title)],
    ['network', netGrubConfig({ ...entry, choices: [{ title: entry.title, words: 'a=b' }] }, ['a', 'b'])],
    ['disk with deployments', ostreeGrubConfig(entry.title, '00000000-0000-0000-0000-000000000000')],
    [
      'boot loader entry, which that one runs',
      'title Debian GNU/Linux 13 (trixie) (ostree:0)\nversion 1\noptions root=UUID=0 rw console=ttyS0,115200\n' +
        'linux /boot/ostree/os-0/vmlinuz-6.12.1+deb13-amd64\ninitrd /boot/ostree/os-0/initramfs-6.12.1+deb13-amd64.img\n',
    ],
    ['slot', formatSlotConfig('a', { ...system, cmdline: entry.cmdline })],
  ])('of the %s is a script for GRUB, whatever the title', (_, config) => {
    expect(run(['grub-script-check'], { input: config })).toMatchObject({
      status: 0,
      stderr: '',
      stdout: '',
    });
  });
});

describeWith(['grub-editenv'], 'the environment block', () => {
  it('is read by grub-editenv', () => {
    const block = formatEnvironment({ slot: 'b', trial: { slot: 'a', left: 2 } });
    expect(Buffer.byteLength(block)).toBe(1024);
    const file = join(scratch(), 'grubenv');
    writeFileSync(file, block);
    expect(run(['grub-editenv', file, 'list']).stdout).toBe(
      'osmith_slot=b\nosmith_try=a\nosmith_left=2\nosmith_new=\n',
    );
  });
});

describe('BIOS images', () => {
  it('get their addresses without touching the partition table’s part of the sector', () => {
    const code = patchBootImg(Buffer.alloc(512, 0xee), 2048);
    expect(code.length).toBe(MBR_CODE);
    expect(code.readBigUInt64LE(0x5c)).toBe(2048n);
    expect(code.filter((byte) => byte !== 0xee).length).toBe(10);
  });

  it('are padded to whole sectors, which the block list counts', () => {
    const core = patchCoreImg(Buffer.alloc(100_000, 0xee), 2048);
    expect(core.length).toBe(196 * 512);
    expect([core.readBigUInt64LE(500), core.readUInt16LE(508), core.readUInt16LE(510)]).toEqual([
      2049n,
      195,
      0x820,
    ]);
  });
});
