import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decompressKernel } from './decompress-kernel.ts';

const KERNEL = Buffer.alloc(100_000, 'vmlinux ');

/** A bzImage as the kernel's build makes it: boot sector, setup, unpacking code, payload, and more code. */
function bzImage(payload: Buffer, { protocol = 0x020f, setup = 3, magic = 'HdrS' } = {}): Buffer {
  const head = Buffer.alloc(((setup || 4) + 1) * 512);
  head[0x1f1] = setup;
  head.write(magic, 0x202, 'latin1');
  head.writeUInt16LE(protocol, 0x206);
  head.writeUInt32LE(700, 0x248);
  head.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([head, Buffer.alloc(700, 'code'), payload, Buffer.alloc(300, 'more')]);
}

test.each<[string, Buffer]>([
  ['a gzip file', gzipSync(KERNEL)],
  ['a bzImage', bzImage(gzipSync(KERNEL))],
  ['a bzImage with the setup of old', bzImage(gzipSync(KERNEL), { setup: 0 })],
])('%s becomes the kernel in it', (_what, image) => {
  expect(decompressKernel(image).equals(KERNEL)).toBe(true);
});

test.each<[string, Buffer, RegExp]>([
  ['an ELF file', Buffer.concat([Buffer.from('\x7fELF'), KERNEL]), /neither a gzip file nor a bzImage/],
  ['nothing', Buffer.alloc(0), /neither/],
  ['an old bzImage', bzImage(gzipSync(KERNEL), { protocol: 0x0207 }), /protocol 2\.7 is older/],
  ['one that is packed otherwise', bzImage(zstdCompressSync(KERNEL)), /not packed with gzip/],
  ['one that is cut off', bzImage(gzipSync(KERNEL)).subarray(0, 2800), /cut off/],
  ['a damaged one', bzImage(gzipSync(KERNEL).fill(0x55, 40, 60)), /gzip data is damaged/],
])('%s cannot be decompressed', (_what, image, message) => {
  expect(() => decompressKernel(image)).toThrow(message);
});
