/** Proves while data streams by that it is what a digest promises. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { Transform, type TransformCallback } from 'node:stream';
import { OsmithError } from '../errors.ts';
import type { Descriptor } from './types.ts';

export function digestOf(data: Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

export function mismatch(what: string, message: string): OsmithError {
  return new OsmithError('E_SIGNATURE', `${what} is not what its digest promises: ${message}`, {
    hint: 'It was damaged or altered: get it again, from elsewhere if that repeats',
  });
}

/** Throws E_SIGNATURE unless the data is what the descriptor says. */
export function verifyData(data: Buffer, { digest, size }: Descriptor, what: string): void {
  if (data.length !== size) throw mismatch(what, `it has ${data.length} bytes instead of ${size}`);
  const got = digestOf(data);
  if (got !== digest) throw mismatch(what, `expected ${digest}, got ${got}`);
}

/** Compares data, piece by piece, with what the descriptor says. */
export function digestCheck({ digest, size }: Descriptor, what: string) {
  const hash = createHash('sha256');
  let seen = 0;
  return {
    /** Throws E_SIGNATURE as soon as there is too much. */
    update(piece: Buffer): void {
      seen += piece.length;
      if (seen > size) throw mismatch(what, `it has more than ${size} bytes`);
      hash.update(piece);
    },
    /** Throws E_SIGNATURE unless it was all and the right. */
    end(): void {
      const got = `sha256:${hash.digest('hex')}`;
      if (seen < size) throw mismatch(what, `it ends after ${seen} of ${size} bytes`);
      if (got !== digest) throw mismatch(what, `expected ${digest}, got ${got}`);
    },
  };
}

/** Passes data through; fails at the end, or as soon as there is too much, if it is not what the descriptor says. */
export function verifying(descriptor: Descriptor, what: string): Transform {
  const check = digestCheck(descriptor, what);
  const attempt = (done: TransformCallback, act: () => Buffer | undefined) => {
    try {
      done(null, act());
    } catch (error) {
      done(error as Error);
    }
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      attempt(done, () => {
        check.update(chunk);
        return chunk;
      });
    },
    flush(done) {
      attempt(done, () => {
        check.end();
        return undefined;
      });
    },
  });
}

/** Copies a file into a new one through one buffer: many would keep the garbage collector busy. Throws E_SIGNATURE. */
export async function copyVerified(from: string, descriptor: Descriptor, to: string): Promise<void> {
  const check = digestCheck(descriptor, from);
  const buffer = Buffer.allocUnsafe(1 << 20);
  await using source = await open(from);
  await using target = await open(to, 'w');
  for (;;) {
    const { bytesRead } = await source.read(buffer);
    if (bytesRead === 0) break;
    const piece = buffer.subarray(0, bytesRead);
    check.update(piece);
    for (let at = 0; at < bytesRead;) at += (await target.write(piece, at)).bytesWritten;
  }
  check.end();
}
