/** Leaves entries out of a tar stream; all others pass unchanged, byte for byte. */
import { Readable } from 'node:stream';
import { OsmithError } from '../errors.ts';
import { HARD_LINK } from '../run/layer/entry.ts';
import { readTar } from './tar-reader.ts';

async function* kept(stream: Readable, leaveOut: (path: string) => boolean): AsyncGenerator<Buffer> {
  for await (const { entry, head, body } of readTar(stream)) {
    if (leaveOut(entry.path)) continue;
    if (entry.type === HARD_LINK && leaveOut(entry.link)) {
      throw new OsmithError('E_STEP', `${entry.path} is a hard link to ${entry.link}, which is left out`, {
        hint: 'Leave out both or none',
      });
    }
    yield head;
    yield* body(true);
  }
  yield Buffer.alloc(1024);
}

export function withoutPaths(stream: Readable, leaveOut: (path: string) => boolean): Readable {
  return Readable.from(kept(stream, leaveOut), { objectMode: false });
}
