import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith, run, scratch } from '../../disk/testing.ts';
import { noise } from '../../update/testing.ts';
import { packedAs } from './remake-root.ts';

const WAYS = ['zstd -Xcompression-level 6', 'zstd', 'xz', 'lz4 -Xhc', 'lz4', 'gzip'];

describeWith(['mksquashfs', 'unsquashfs'], 'an image that is packed as another one was', () => {
  it.each(WAYS)('%s', (way) => {
    const dir = scratch();
    mkdirSync(join(dir, 'root'));
    // Can be packed a little, so that levels differ.
    writeFileSync(join(dir, 'root/file'), noise('packed', 700_000).toString('hex'));
    const pack = (image: string, options: string[]) =>
      run(['mksquashfs', 'root', image, '-noappend', '-quiet', '-mkfs-time', '0', ...options], { cwd: dir });
    pack('one', ['-b', '256K', '-comp', ...way.split(' ')]);
    const options = packedAs(run(['unsquashfs', '-s', 'one'], { cwd: dir }).stdout);
    expect(pack('two', options).status).toBe(0);
    expect(run(['cmp', 'one', 'two'], { cwd: dir }).status).toBe(0);
  });
});
