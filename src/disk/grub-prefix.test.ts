import { expect, test } from 'vitest';
import { grubPrefix } from './grub-prefix.ts';

/** An object behind GRUB's core: its kind, its size with this header, its content. */
function object(kind: number, content: string): Buffer {
  const data = Buffer.from(`${content}\0`);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(kind);
  head.writeUInt32LE(head.length + data.length, 4);
  return Buffer.concat([head, data]);
}

/** As include/grub/kernel.h has it for 64-bit machines. */
function image(...objects: Buffer[]): Buffer {
  const header = Buffer.alloc(24);
  header.write('mimg');
  const all = Buffer.concat(objects);
  header.writeBigUInt64LE(24n, 8);
  header.writeBigUInt64LE(BigInt(header.length + all.length), 16);
  // The code before it has the magic too, which it compares with.
  return Buffer.concat([
    Buffer.from(`MZ code, mimg ${'code '.repeat(9)}`),
    header,
    all,
    Buffer.from('signature'),
  ]);
}

test.each([
  ['/EFI/fedora', 'EFI/fedora'],
  ['(,gpt1)/boot/grub/', 'boot/grub'],
  ['/', undefined],
])('%s', (prefix, found) => {
  expect(grubPrefix(image(object(0, 'a module'), object(2, 'set x=1'), object(3, prefix)))).toBe(found);
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a text', Buffer.from('grub')],
  ['only the magic', Buffer.from('mimg')],
  ['nonsense behind it', Buffer.from(`mimg${'\xff'.repeat(64)}`, 'latin1')],
  ['one without', image(object(0, 'a module'))],
  ['one with an object of no size', image(Buffer.alloc(16))],
])('%s has none', (_, file) => expect(grubPrefix(file)).toBeUndefined());
