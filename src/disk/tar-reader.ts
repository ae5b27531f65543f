/** Reads a pax tar as a stream: for steps that pick from, or leave out of, a flattened tree. */
import type { Readable } from 'node:stream';
import { padded, parseHeader, parsePax, type Entry } from '../run/layer/entry.ts';

const BLOCK = 512;

/** Takes exact numbers of bytes from a stream. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: Readable) {
    this.#source = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** The next bytes, at most `limit`; undefined at the end. */
  async some(limit: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return undefined;
      this.#rest = next.value;
    }
    const taken = this.#rest.subarray(0, limit);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  async exactly(count: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for (let left = count; left > 0;) {
      const part = await this.some(left);
      if (part === undefined) {
        if (left === count) return undefined;
        throw new Error('the tar stream ends in the middle of an entry');
      }
      parts.push(part);
      left -= part.length;
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  async end(): Promise<void> {
    await this.#source.return?.();
  }
}

/** An entry of the stream. What of the body is not read is skipped when the next entry is asked for. */
export interface StreamedEntry {
  entry: Entry;
  /** All blocks before the body: extended headers and the header. */
  head: Buffer;
  /** The body in pieces, with the padding to whole blocks when `padding` is set. */
  body: (padding?: boolean) => AsyncGenerator<Buffer>;
}

export async function* readTar(stream: Readable): AsyncGenerator<StreamedEntry> {
  const reader = new ByteReader(stream);
  try {
    let head: Buffer[] = [];
    let pax = new Map<string, Buffer>();
    for (;;) {
      const block = await reader.exactly(BLOCK);
      if (block === undefined || block.every((byte) => byte === 0)) return;
      head.push(block);
      const flag = String.fromCharCode(block[156]!);
      if (flag === 'x' || flag === 'g') {
        const size = parseInt(block.toString('latin1', 124, 136), 8);
        const data = await reader.exactly(padded(size));
        if (data === undefined) throw new Error('the tar stream ends in an extended header');
        head.push(data);
        if (flag === 'x') pax = parsePax(data.subarray(0, size));
        continue;
      }
      const entry = parseHeader(block, pax);
      let left = padded(entry.size);
      const padding = left - entry.size;
      yield {
        entry,
        head: Buffer.concat(head),
        body: async function* (withPadding = false) {
          const stop = withPadding ? 0 : padding;
          while (left > stop) {
            const part = await reader.some(left - stop);
            if (part === undefined) throw new Error(`the tar stream ends inside ${entry.path}`);
            left -= part.length;
            yield part;
          }
        },
      };
      while (left > 0) {
        const part = await reader.some(left);
        if (part === undefined) throw new Error(`the tar stream ends inside ${entry.path}`);
        left -= part.length;
      }
      head = [];
      pax = new Map();
    }
  } finally {
    await reader.end();
  }
}
