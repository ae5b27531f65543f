import { expect, it } from 'vitest';
import { describeWith, run, scratch } from '../../disk/testing.ts';
import { CHAR_DEVICE, DIRECTORY, HARD_LINK, SYMLINK } from '../../run/layer/entry.ts';
import { runStep, sameFiles, treeOf } from '../testing.ts';

/** cap_net_raw=ep, as the kernel stores it (version 2, little endian): not text. */
const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex');

const tree = treeOf([
  { path: '', type: DIRECTORY, mode: 0o755 },
  { path: 'boot', type: DIRECTORY, mode: 0o700 },
  { path: 'boot/vmlinuz', content: 'kernel' },
  { path: 'dev', type: DIRECTORY, mode: 0o755 },
  { path: 'dev/console', type: CHAR_DEVICE, mode: 0o600, major: 5, minor: 1 },
  { path: 'usr', type: DIRECTORY, mode: 0o755 },
  { path: 'usr/ping', mode: 0o755, content: 'ping', xattrs: new Map([['security.capability', CAPABILITY]]) },
  { path: 'usr/same', type: HARD_LINK, link: 'usr/ping', mode: 0o755 },
  { path: 'usr/su', mode: 0o4755, uid: 7, gid: 42, content: 'su' },
  { path: 'usr/link', type: SYMLINK, mode: 0o777, link: 'su' },
]);
const params = { format: 'squashfs', compression: 'zstd', level: 3, exclude: ['boot/*'] };

describeWith(['mksquashfs', 'unsquashfs'], 'a squashfs root image', () => {
  it('keeps owners, modes, devices, links and capabilities, leaves out what is excluded, and is reproducible', async () => {
    const made = await runStep('filesystem', params, { root: tree });
    const listing = run(['unsquashfs', '-lln', made.files['image']!], { env: { TZ: 'UTC' } }).stdout;
    const lines = listing.split('\n').filter((line) => line.includes('squashfs-root'));
    expect(lines.map((line) => line.replace(/\s+/g, ' ').replaceAll(/ 2023-11-14 22:13/g, ''))).toEqual([
      expect.stringMatching(/^drwxr-xr-x 0\/0 \d+ squashfs-root$/),
      'drwx------ 0/0 3 squashfs-root/boot',
      'drwxr-xr-x 0/0 30 squashfs-root/dev',
      'crw------- 0/0 5, 1 squashfs-root/dev/console',
      expect.stringMatching(/^drwxr-xr-x 0\/0 \d+ squashfs-root\/usr$/),
      'lrwxrwxrwx 0/0 2 squashfs-root/usr/link -> su',
      '-rwxr-xr-x 0/0 4 squashfs-root/usr/ping',
      '-rwxr-xr-x 0/0 4 squashfs-root/usr/same',
      '-rwsr-xr-x 7/42 2 squashfs-root/usr/su',
    ]);
    expect(sameFiles(made, await runStep('filesystem', params, { root: tree }))).toBe(true);
  });
});

describeWith(['mkfs.vfat', 'fsck.vfat', 'mcopy', 'mtype', 'mdir'], 'a FAT file system', () => {
  it.each([0, 60 * 2 ** 20])(
    'with %i bytes of room has the tree’s files, is sound, and the same bits again',
    async (headroom) => {
      const files = treeOf([
        { path: 'server', content: 'zedcloud' },
        { path: 'deep', type: DIRECTORY, mode: 0o755 },
        { path: 'deep/file', content: 'content' },
        { path: 'empty', type: DIRECTORY, mode: 0o755 },
      ]);
      const vfat = { format: 'vfat', label: 'CONFIG', headroom };
      const made = await runStep('filesystem', vfat, { root: files });
      const image = made.files['image']!;
      expect(run(['fsck.vfat', '-n', image])).toMatchObject({ status: 0 });
      expect(run(['mtype', '-i', image, '::deep/file']).stdout).toBe('content');
      expect(run(['mdir', '-b', '-i', image, '::']).stdout.split('\n').sort()).toEqual([
        '',
        '::/deep/',
        '::/empty/',
        '::/server',
      ]);
      expect(sameFiles(made, await runStep('filesystem', vfat, { root: files }))).toBe(true);
    },
  );

  it('is refused for what FAT cannot hold', async () => {
    const link = treeOf([{ path: 'link', type: SYMLINK, mode: 0o777, link: 'x' }]);
    await expect(
      runStep('filesystem', { format: 'vfat', label: 'X', headroom: 0 }, { root: link }),
    ).rejects.toThrow(/cannot hold \/link/);
  });
});

describeWith(['mksquashfs', 'unsquashfs', 'python3'], 'capabilities in the image', () => {
  // Only root may write them to a directory.
  it.skipIf(process.getuid?.() !== 0)('come out as they went in', async () => {
    const { files } = await runStep('filesystem', params, { root: tree });
    const dir = scratch();
    run(['unsquashfs', '-d', `${dir}/root`, files['image']!]);
    const script = 'import os,sys; print(os.getxattr(sys.argv[1], "security.capability").hex())';
    const read = run(['python3', '-c', script, `${dir}/root/usr/ping`]);
    expect(read.stdout).toBe(`${CAPABILITY.toString('hex')}\n`);
  });
});
