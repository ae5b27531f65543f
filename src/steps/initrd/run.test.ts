import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeWith, run, scratch } from '../../disk/testing.ts';
import { runStep, sameFiles, treeOf, type TestEntry } from '../testing.ts';

/** A 64-bit little-endian ELF header without program headers: nothing asks for a dynamic loader. */
function staticProgram(): Buffer {
  const elf = Buffer.alloc(64);
  elf.write('\x7fELF\x02\x01', 'latin1');
  return elf;
}

const MODULES = 'usr/lib/modules/6.12.1';
const entries: TestEntry[] = [
  { path: 'usr/bin/busybox', mode: 0o755, content: staticProgram() },
  { path: `${MODULES}/kernel/loop.ko`, content: 'LOOP' },
  { path: `${MODULES}/kernel/overlay.ko`, content: 'OVERLAY' },
  { path: `${MODULES}/kernel/crc.ko`, content: 'CRC' },
  { path: `${MODULES}/kernel/squashfs.ko`, content: 'SQUASHFS' },
  {
    path: `${MODULES}/modules.dep`,
    content: 'kernel/loop.ko:\nkernel/overlay.ko:\nkernel/squashfs.ko: kernel/crc.ko\nkernel/crc.ko:\n',
  },
];
const image = Buffer.from('the root image'.repeat(1000));
const params = { format: 'squashfs' };

/** What the kernel unpacks: all archives, one after the other. */
function unpack(initrd: string): string {
  const dir = scratch();
  const script = `set -e
size=$(zstd -q -d -c "$0" 2>/dev/null | tee early.cpio | wc -c)
cpio -i --quiet --no-absolute-filenames --nonmatching 'dev/*' < early.cpio
at=$(grep -abo 070701 "$0" | tail -n 3 | head -n 1 | cut -d: -f1)
test $((at % 4)) = 0
tail -c +$((at + 1)) "$0" | cpio -i --quiet --no-absolute-filenames`;
  expect(run(['sh', '-c', script, initrd], { cwd: dir })).toMatchObject({ status: 0, stderr: '' });
  return dir;
}

describeWith(['zstd', 'cpio'], 'the initrd', () => {
  it('holds the image behind an early archive with the modules in order', async () => {
    const made = await runStep('initrd', params, { root: treeOf(entries), image });
    const dir = unpack(made.files['initrd']!);
    expect(readFileSync(`${dir}/root.img`).equals(image)).toBe(true);
    expect(readFileSync(`${dir}/complete`).length).toBe(0);
    expect(readFileSync(`${dir}/etc/modules`, 'utf8')).toBe('loop\noverlay\ncrc\nsquashfs\n');
    expect(readFileSync(`${dir}/lib/modules/squashfs.ko`, 'utf8')).toBe('SQUASHFS');
    expect(readFileSync(`${dir}/etc/osmith.conf`, 'utf8')).toBe('format=squashfs\nroot=overlay\n');
    expect(made.facts).toEqual({ kernelVersion: '6.12.1' });
    expect(sameFiles(made, await runStep('initrd', params, { root: treeOf(entries), image }))).toBe(true);
  });

  it('runs the busybox of another tree, where there is one', async () => {
    const other = {
      path: 'usr/sbin/busybox',
      mode: 0o755,
      content: Buffer.concat([staticProgram(), Buffer.from('other')]),
    };
    const made = await runStep('initrd', params, { root: treeOf(entries), busybox: treeOf([other]), image });
    expect(readFileSync(`${unpack(made.files['initrd']!)}/bin/busybox`).equals(other.content)).toBe(true);
    await expect(
      runStep('initrd', params, { root: treeOf(entries), busybox: treeOf([]), image }),
    ).rejects.toThrow(/no \/usr\/bin\/busybox/);
  });

  it.each([
    ['no busybox', entries.slice(1), /no \/usr\/bin\/busybox/],
    [
      'a dynamic busybox',
      [{ path: 'usr/bin/busybox', content: '#!/bin/sh' }, ...entries.slice(1)],
      /not a statically/,
    ],
    ['no kernel', entries.slice(0, 1), /no kernel modules/],
    [
      'two kernels',
      [...entries, { path: 'usr/lib/modules/6.13/modules.dep' }],
      /several kernels: 6\.12\.1, 6\.13/,
    ],
    ['no loop module', [...entries.slice(0, 5), { path: `${MODULES}/modules.dep` }], /no module loop/],
  ] as [string, TestEntry[], RegExp][])('says so when the tree has %s', async (_, tree, message) => {
    await expect(runStep('initrd', params, { root: treeOf(tree), image })).rejects.toThrow(message);
  });
});

describeWith(['busybox'], 'init.sh', () => {
  it('is a script for busybox’s shell', () => {
    const script = new URL('init.sh', import.meta.url).pathname;
    expect(run(['busybox', 'sh', '-n', script])).toMatchObject({ status: 0, stderr: '' });
  });
});
