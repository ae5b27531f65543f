/** What differs between a tree and images of another one, against diff(1) and rsync(1); inputs stay as they are. */
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openScratch, removeTree, type Scratch } from '../run/scratch.ts';
import { openStore } from '../run/store.ts';
import { sandboxTools } from '../vm/sandbox-tools.ts';
import { compareListings } from './compare.ts';
import { neutralKernel, neutralModule } from './neutral.ts';
import { listPath, type ReadContext } from './read.ts';
import { htmlReport, treeReport } from './report.ts';

let dir: string;
let scratch: Scratch;
let context: ReadContext;

const at = (...path: string[]) => join(dir, ...path);
const sh = (script: string) =>
  execFileSync('bash', ['-euo', 'pipefail', '-c', script], { cwd: dir, stdio: 'pipe' }).toString();

function write(path: string, text: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
  chmodSync(at(path), mode);
}

const MAGIC = '~Module signature appended~\n';
const KEY = Buffer.from('the key in DER');

function signed(module: string, signature: string): Buffer {
  const info = Buffer.alloc(12);
  info.writeUInt32BE(signature.length, 8);
  return Buffer.concat([Buffer.from(module + signature), info, Buffer.from(MAGIC)]);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-diff-'));
  const store = await openStore(at('store'));
  scratch = await openScratch(store);
  const tools = sandboxTools(store, 'host', scratch.dir);
  context = { tools: () => Promise.resolve(tools), scratch: () => mkdtemp(join(scratch.dir, 'd-')) };
  for (const tree of ['a', 'b']) {
    write(`${tree}/same`, 'same\n');
    write(`${tree}/etc/changed`, `${tree}\n`);
    write(`${tree}/etc/with space and ü`, `${tree}${tree}`);
    write(`${tree}/usr/bin/tool`, '#!/bin/sh\n', tree === 'a' ? 0o755 : 0o4755);
    write(`${tree}/empty`, '');
    write(`${tree}/only-${tree}/below/file`, 'x');
    write(`${tree}/lib/modules/1/m.ko`, signed('module', `signature of ${tree}`));
    write(`${tree}/lib/modules/1/signing_key.x509`, Buffer.from(tree === 'a' ? KEY : KEY.toReversed()));
    const key = tree === 'a' ? KEY : Buffer.from(KEY.toReversed());
    write(
      `${tree}/boot/vmlinuz-1`,
      gzipSync(Buffer.concat([Buffer.from('kernel '), key, Buffer.from(' end')])),
    );
    symlinkSync(`to-${tree}`, at(tree, 'etc/link'));
    symlinkSync('same', at(tree, 'same-link'));
    linkSync(at(tree, 'same'), at(tree, 'hard'));
    write(`${tree}/big`, Buffer.alloc(3_000_001, 'big'));
    if (tree === 'a') write('a/turns', 'file');
    else mkdirSync(at('b/turns'));
  }
}, 120_000);

afterAll(async () => {
  await scratch.release();
  await removeTree(dir);
});

const none = { ignore: () => false, contentOnly: true };

async function changed(a: string, b: string, options = none): Promise<string[]> {
  const { differences } = compareListings(
    await listPath(at(a), context),
    await listPath(at(b), context),
    options,
  );
  return differences.map(
    ({ path, change }) => `${{ added: '+', removed: '-', changed: '!' }[change]}${path}`,
  );
}

/** The same as diff(1) tells it: what is below a directory that only one side has is not listed there. */
function diffSays(): string[] {
  const text = sh('LC_ALL=C diff -qr --no-dereference a b || [ $? -eq 1 ]');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => {
      const only = /^Only in (a|b)((?:\/[^:]*)?): (.*)$/.exec(line);
      if (only !== null) return `${only[1] === 'a' ? '-' : '+'}${`${only[2]}/${only[3]}`.slice(1)}`;
      const path = /^(?:Files|Symbolic links|File) a\/(.*?)(?: and b\/| is a )/.exec(line);
      return `!${path![1]}`;
    });
  return lines.sort();
}

/** Only the highest of what one side alone has, without what differs in signatures and keys. */
function highest(found: string[]): string[] {
  return found.filter((line) => !found.some((other) => line.startsWith(`${other}/`))).sort();
}

const NEUTRAL = ['!boot/vmlinuz-1', '!lib/modules/1/m.ko', '!lib/modules/1/signing_key.x509'];

const IMAGES: Record<string, string> = {
  'a directory': 'cp -a b out',
  tar: 'tar -C b -cf out .',
  'tar.gz': 'tar -C b -czf out .',
  'tar.zst': 'tar -C b -c . | zstd -q > out',
  'tar.xz': 'tar -C b -cJf out .',
  cpio: '(cd b && find . | cpio --quiet -o -H newc) > out',
  'an initrd of a plain and packed parts':
    '(cd b && find . ! -name big | cpio --quiet -o -H newc) > out && (cd b && find big | cpio --quiet -o -H newc | gzip) >> out && (cd b && find same | cpio --quiet -o -H newc | zstd -q) >> out && (cd b && find same | cpio --quiet -o -H newc | xz --check=crc32) >> out',
  squashfs: 'mksquashfs b out -quiet -no-progress',
  'squashfs.gz': 'mksquashfs b sq -quiet -no-progress && gzip -c sq > out',
  erofs: 'mkfs.erofs --quiet out b',
  ext4: 'truncate -s 32M out && mke2fs -q -t ext4 -d b out && debugfs -w -R "rmdir lost+found" out',
};

describe('content', () => {
  test('diff(1) finds what was made', () => expect(diffSays().length).toBeGreaterThan(8));

  test.each(Object.entries(IMAGES))('%s', async (_what, make) => {
    rmSync(at('out'), { recursive: true, force: true });
    sh(make);
    const isFile = lstatSync(at('out')).isFile();
    const digest = () =>
      isFile
        ? createHash('sha256')
            .update(readFileSync(at('out')))
            .digest('hex')
        : '';
    const before = digest();
    const found = highest(await changed('a', 'out'));
    expect(found).toEqual(diffSays().filter((line) => !NEUTRAL.includes(line)));
    expect(digest()).toBe(before);
    expect(await changed('b', 'out', { ...none, contentOnly: false })).toEqual([]);
  });
});

test('modes and owners, as rsync(1) tells them', async () => {
  const said = sh(
    'rsync -nrlpgoD --checksum --itemize-changes a/ b/ | grep "^[.]f[.]\\{3\\}p" | cut -d" " -f2-',
  );
  const options = { ignore: () => false, contentOnly: false };
  const { differences } = compareListings(
    await listPath(at('a'), context),
    await listPath(at('b'), context),
    options,
  );
  const modes = differences.filter(({ what }) => what.includes('mode')).map(({ path }) => path);
  expect(modes).toEqual(said.trim().split('\n'));
});

test('disks: the partition table and each file in it; the same as qcow2', async () => {
  for (const tree of ['a', 'b']) {
    sh(`
      rm -f fat disk-${tree} && truncate -s 8M fat && mkfs.vfat -i 1 fat > /dev/null
      echo ${tree} > f-${tree} && mcopy -i fat f-${tree} ::/${tree === 'a' ? 'ONE' : 'TWO'}.TXT
      rm -f ext && truncate -s 32M ext && mke2fs -q -t ext4 -d ${tree} ext
      truncate -s 64M disk-${tree}
      printf 'label: gpt\\nlabel-id: 11111111-1111-1111-1111-111111111111\\nstart=2048,size=16384,type=U,uuid=22222222-2222-2222-2222-222222222222\\nstart=20480,size=65536,uuid=33333333-3333-3333-3333-333333333333,name=${tree}\\nstart=90112,size=2048,uuid=44444444-4444-4444-4444-444444444444' | sfdisk -q disk-${tree}
      dd if=fat of=disk-${tree} bs=1M seek=1 conv=notrunc status=none
      dd if=ext of=disk-${tree} bs=1M seek=10 conv=notrunc status=none
      printf '%s' ${tree} | dd of=disk-${tree} bs=1M seek=44 conv=notrunc status=none
    `);
  }
  const found = await changed('disk-a', 'disk-b');
  const root = (await changed('a', 'b')).map((line) => `${line[0]}2:${line.slice(1)}`);
  expect(found.filter((line) => !root.includes(line))).toEqual(['-1:ONE.TXT', '+1:TWO.TXT', '!2:', '!3:']);
  expect(root.filter((line) => !found.includes(line))).toEqual([]);
  sh('qemu-img convert -O qcow2 -c disk-b disk.qcow2');
  expect(await changed('disk-b', 'disk.qcow2', { ...none, contentOnly: false })).toEqual([]);
});

test('devices in a squashfs and an ext4, which nobody but root can make', async () => {
  sh(
    "mkdir -p dev && mksquashfs dev out2 -quiet -no-progress -noappend -p 'null c 666 0 0 1 3' -p 'sda b 660 0 6 8 0'",
  );
  expect(Object.fromEntries(await listPath(at('out2'), context))).toEqual({
    null: { type: 'character device', mode: 0o666, owner: '0:0', detail: '1, 3' },
    sda: { type: 'block device', mode: 0o660, owner: '0:6', detail: '8, 0' },
  });
  sh(
    "truncate -s 8M out3 && mke2fs -q -t ext4 out3 && printf 'mknod null c 1 3\\nmknod sda b 8 0\\n' > s && debugfs -w -f s out3",
  );
  const ext4 = await listPath(at('out3'), context);
  expect(ext4.get('null')).toMatchObject({ type: 'character device', detail: '1, 3' });
  expect(ext4.get('sda')).toMatchObject({ type: 'block device', detail: '8, 0' });
});

test('signatures and keys do not count, anything else does', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      (body, signature) => {
        const text = Buffer.from(body).toString('latin1');
        const module = Buffer.from(text, 'latin1');
        const info = Buffer.alloc(12);
        info.writeUInt32BE(signature.length, 8);
        const whole = Buffer.concat([module, signature, info, Buffer.from(MAGIC)]);
        expect(neutralModule(gzipSync(whole)).equals(module)).toBe(true);
        expect(
          neutralModule(Buffer.concat([whole, Buffer.from('x')]))
            .subarray(-1)
            .toString(),
        ).toBe('x');
      },
    ),
  );
  const kernel = Buffer.concat([Buffer.from('a'), KEY, Buffer.from('b'), KEY]);
  expect(neutralKernel(kernel, [KEY]).toString()).toBe(
    `a${'\0'.repeat(KEY.length)}b${'\0'.repeat(KEY.length)}`,
  );
  expect(neutralKernel(kernel, [Buffer.from('other')]).equals(kernel)).toBe(true);
});

test.each([
  ['nothing known', Buffer.from('just text, and more of it'.repeat(100)), /nothing that Osmith can compare/],
  [
    'a tar that is cut off',
    () => sh('tar -C b -cf t . && head -c 5000 t > bad'),
    /cannot be read as tar: the archive is cut off/,
  ],
  [
    'a gz that is cut off',
    () => sh('tar -C b -czf t . && head -c 900 t > bad'),
    /cannot be read as tar: unexpected end of file/,
  ],
  [
    'a cpio that is cut off',
    () => sh('(cd b; echo big | cpio --quiet -o -H newc) > t && head -c 5000 t > bad'),
    /cpio archive: it is cut off/,
  ],
  [
    'a broken squashfs',
    () => sh('mksquashfs b t -quiet -no-progress -noappend && head -c 2000 t > bad'),
    /unsquashfs failed/,
  ],
])('bad input: %s', async (_what, make, message) => {
  if (typeof make === 'function') make();
  else write('bad', make);
  await expect(listPath(at('bad'), context)).rejects.toThrow(message);
});

test('a missing file; a page where names stay text', async () => {
  await expect(listPath(at('nosuch'), context)).rejects.toThrow(/is not there/);
  const listing = new Map([['<script>alert(1)</script>', { type: 'file' as const, size: 1, digest: 'x' }]]);
  const html = htmlReport({ a: '<a>', b: 'b' }, treeReport(compareListings(new Map(), listing, none)));
  expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(html).not.toMatch(/<script|<a>/);
});
