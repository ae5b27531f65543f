/** Writes tar streams out of indexed layers: contents are copied from file to stream, never held. */
import { open, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { encodeHeader, padded, FILE, type Entry } from './entry.ts';

const CHUNK = 1 << 20;

/** An entry and, for a file with content, where that is. */
export interface Part {
  entry: Entry;
  file?: string;
  offset?: number;
}

/** Collects small pieces into large chunks: a tree has tens of thousands of small files. */
async function* chunks(parts: Iterable<Part>, files: Map<string, FileHandle>): AsyncGenerator<Buffer> {
  let buffer = Buffer.allocUnsafe(CHUNK);
  let used = 0;
  const zeros = Buffer.alloc(1024);
  async function* push(data: Buffer): AsyncGenerator<Buffer> {
    for (let at = 0; at < data.length;) {
      const count = data.copy(buffer, used, at);
      at += count;
      used += count;
      if (used === CHUNK) {
        yield buffer;
        buffer = Buffer.allocUnsafe(CHUNK);
        used = 0;
      }
    }
  }
  for (const { entry, file, offset = 0 } of parts) {
    yield* push(encodeHeader(entry));
    if (entry.type !== FILE || entry.size === 0 || file === undefined) continue;
    let handle = files.get(file);
    if (handle === undefined) files.set(file, (handle = await open(file, 'r')));
    for (let done = 0; done < entry.size;) {
      const want = Math.min(entry.size - done, CHUNK - used);
      const { bytesRead } = await handle.read(buffer, used, want, offset + done);
      if (bytesRead === 0) throw new Error(`${file} is shorter than its index says`);
      done += bytesRead;
      used += bytesRead;
      if (used === CHUNK) {
        yield buffer;
        buffer = Buffer.allocUnsafe(CHUNK);
        used = 0;
      }
    }
    yield* push(zeros.subarray(0, padded(entry.size) - entry.size));
  }
  yield* push(zeros);
  if (used > 0) yield buffer.subarray(0, used);
}

/** A tar archive of the parts, in their order. */
export function tarStream(parts: Iterable<Part>): Readable {
  const files = new Map<string, FileHandle>();
  async function* closing(): AsyncGenerator<Buffer> {
    try {
      yield* chunks(parts, files);
    } finally {
      await Promise.all([...files.values()].map((handle) => handle.close()));
    }
  }
  return Readable.from(closing(), { objectMode: false, highWaterMark: 4 * CHUNK });
}
