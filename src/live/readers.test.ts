/** File systems that several threads read, against the files that they were made of. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith, run, scratch } from '../disk/testing.ts';
import { openReaders } from './readers.ts';

function ok(...argv: string[]): string {
  const { status, stdout, stderr } = run(argv);
  expect(status, `${argv.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

/** A file system that begins behind a MiB of something else. */
function makeDisk(dir: string): string {
  mkdirSync(join(dir, 'tree/sub'), { recursive: true });
  for (let i = 0; i < 150; i += 1) writeFileSync(join(dir, `tree/sub/${i}`), randomBytes(i * 211));
  writeFileSync(join(dir, 'tree/large'), randomBytes(3_000_001));
  writeFileSync(join(dir, 'tree/holes'), 'at the beginning');
  truncateSync(join(dir, 'tree/holes'), 2_000_000);
  const disk = join(dir, 'disk');
  writeFileSync(disk, '');
  truncateSync(disk, 17 << 20);
  ok('mke2fs', '-q', '-t', 'ext4', '-E', `offset=${1 << 20}`, '-d', join(dir, 'tree'), disk, '16M');
  return disk;
}

describeWith(['mke2fs', 'debugfs', 'sha256sum'], 'threads', () => {
  it('read what is in the files', async () => {
    const dir = scratch();
    const disk = makeDisk(dir);
    const lines = ok('sh', '-c', 'cd "$0" && find * -type f -exec sha256sum {} +', join(dir, 'tree'));
    const wanted = lines.trim().split('\n');
    const readers = openReaders();
    try {
      const files = [...(await readers.list(disk, 1 << 20))].filter(([, { type }]) => type === 'file');
      const found = files.map(([path, { digest }]) => `${digest}  ${path}`);
      expect(found.sort()).toEqual(wanted.sort());
    } finally {
      await readers.close();
    }
  });

  it.each(['large', 'holes', 'sub/1'])('tell that %s is damaged', async (file) => {
    const disk = makeDisk(scratch());
    ok('debugfs', '-w', '-R', `set_inode_field /${file} flags 0`, `${disk}?offset=${1 << 20}`);
    const readers = openReaders();
    try {
      await expect(readers.list(disk, 1 << 20)).rejects.toThrow(/a file has no extents/);
    } finally {
      await readers.close();
    }
  });
});
