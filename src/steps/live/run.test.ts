import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { collect, describeWith, run, scratch } from '../../disk/testing.ts';
import { liveCmdline, liveFiles } from './units.ts';
import { cpioArchive } from '../../disk/cpio.ts';
import { entries } from './run.ts';
import { runStep, sameFiles } from '../testing.ts';

const script = new URL('live.sh', import.meta.url).pathname;

it('keeps the command line of the installed system but for its root', () => {
  expect(liveCmdline('root=UUID=1-2 rw quiet ostree=/ostree/boot.1/os/abc/0')).toBe(
    'rw quiet ostree=/ostree/boot.1/os/abc/0 systemd.mask=systemd-repart.service ' +
      'systemd.mask=systemd-growfs@var.service rd.systemd.gpt_auto=no systemd.gpt_auto=no ' +
      'systemd.condition_needs_update=no systemd.default_device_timeout_sec=300',
  );
});

describeWith(['cpio', 'sh'], 'the second initramfs', () => {
  it('has the script with what it needs to know, and units that systemd starts', async () => {
    const dir = scratch();
    const files = liveFiles(readFileSync(script), { medium: 'osmith/medium-1', start: 512, size: 1024 });
    const archive = await collect(cpioArchive(entries(files), 0));
    expect(
      run(['cpio', '-i', '--quiet', '--no-absolute-filenames'], { cwd: dir, input: archive }),
    ).toMatchObject({
      ...{ status: 0, stderr: '' },
    });
    expect(run(['sh', '-c', '. ./osmith-live.conf; echo "$medium $start $size"'], { cwd: dir }).stdout).toBe(
      'osmith/medium-1 512 1024\n',
    );
    expect(run(['sh', '-n', 'osmith-live.sh'], { cwd: dir })).toMatchObject({ status: 0, stderr: '' });
    const link = 'etc/systemd/system/initrd-root-fs.target.requires/sysroot.mount';
    expect(run(['readlink', '-e', link], { cwd: dir }).stdout).toMatch(
      /etc\/systemd\/system\/sysroot\.mount\n$/,
    );
  });
});

describeWith(['mksquashfs', 'unsquashfs'], 'a packed disk', () => {
  it('is alone in its image, readable, and the same bits again', async () => {
    const file = Buffer.alloc(3_000_000, 'disk');
    const params = { file: 'disk.raw', compression: 'zstd', level: 3 };
    const made = await runStep('pack', params, { file });
    const image = made.files['image']!;
    const listing = run(['unsquashfs', '-lln', image]).stdout;
    expect(listing).toMatch(/^-r--r--r-- 0\/0 +3000000 .* squashfs-root\/disk\.raw$/m);
    expect(run(['unsquashfs', '-cat', image, 'disk.raw']).stdout).toBe(file.toString());
    expect(sameFiles(made, await runStep('pack', params, { file }))).toBe(true);
  });
});
