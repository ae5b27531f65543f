/** A digest of large things that are mostly zeros: SHA-256 takes minutes for 10 GiB, looking for zeros seconds. */
import { createHash } from 'node:crypto';

export const BLOCK = 4 * 1024 * 1024;
const ZEROS = Buffer.alloc(BLOCK);

export function isZero(block: Buffer): boolean {
  return block.equals(ZEROS.subarray(0, block.length));
}

export interface SparseHash {
  /** A block of BLOCK bytes that begins `at` a multiple of that; the last one may be shorter. Zeros may be left out. */
  update: (block: Buffer, at: number) => void;
  /** `length`: of everything. */
  digest: (length: number) => string;
}

/** SHA-256 of the blocks that are not zero, each after its place and length, and of the length of all. */
export function sparseHash(): SparseHash {
  const hash = createHash('sha256');
  return {
    update(block, at) {
      if (!isZero(block)) hash.update(`${at} ${block.length}\n`).update(block);
    },
    digest: (length) => hash.update(`${length}\n`).digest('hex'),
  };
}
