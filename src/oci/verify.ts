/** Proves while data streams by that it is what a digest promises. */
import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
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

/** Passes data through; fails at the end, or as soon as there is too much, if it is not what the descriptor says. */
export function verifying({ digest, size }: Descriptor, what: string): Transform {
  const hash = createHash('sha256');
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > size) {
        done(mismatch(what, `it has more than ${size} bytes`));
        return;
      }
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      const got = `sha256:${hash.digest('hex')}`;
      if (seen < size) done(mismatch(what, `it ends after ${seen} of ${size} bytes`));
      else done(got === digest ? null : mismatch(what, `expected ${digest}, got ${got}`));
    },
  });
}
