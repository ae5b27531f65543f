import { expect, test } from 'vitest';
import { BLOCK, sparseHash } from './sparse-hash.ts';

const [zeros, data, more] = [0, 1, 2].map((byte) => Buffer.alloc(BLOCK, byte)) as [Buffer, Buffer, Buffer];

/** Of blocks one after the other; those that are undefined are left out. */
function digest(...blocks: (Buffer | undefined)[]): string {
  const hash = sparseHash();
  for (const [index, block] of blocks.entries()) if (block !== undefined) hash.update(block, index * BLOCK);
  return hash.digest(blocks.reduce((sum, block) => sum + (block?.length ?? BLOCK), 0));
}

test('a digest tells all contents apart, whether zeros are read or left out', () => {
  expect(digest(undefined, data, undefined)).toBe(digest(zeros, data, zeros));
  const short = data.subarray(0, 10);
  const different = [
    ...[[], [zeros], [zeros, zeros], [data], [data, zeros], [zeros, data], [data, data], [data, more]],
    ...[[more, data], [short], [short.subarray(1)], [data, short], [zeros, short], [zeros.subarray(0, 10)]],
  ];
  expect(new Set(different.map((blocks) => digest(...blocks))).size).toBe(different.length);
});
