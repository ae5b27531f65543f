/** Writes the composed tar: pieces are collected into large ones, and hashed on their way to the file. */
import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { padded } from '../run/layer/entry.ts';
import { tarHeader, type TarHeader } from './tar-header.ts';

const CHUNK = 1 << 20;

const ZEROS = Buffer.alloc(1024);

export class TarSink {
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  #chunk: Buffer = Buffer.allocUnsafe(CHUNK);
  #used = 0;
  /** Full chunks that wait to be written. */
  #full: Buffer[] = [];
  /** Chunks that were written, to be filled again: new ones for all that goes by would keep the garbage collector busy. */
  #empty: Buffer[] = [];
  /** What was given to be written before. */
  #written: Promise<void> = Promise.resolve();
  #left = 0;
  #padding = 0;
  /** Bytes of all that was given. */
  size = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  #push(data: Buffer): void {
    this.size += data.length;
    for (let at = 0; at < data.length;) {
      const count = data.copy(this.#chunk, this.#used, at);
      at += count;
      this.#used += count;
      if (this.#used < CHUNK) continue;
      this.#full.push(this.#chunk);
      this.#chunk = this.#empty.pop() ?? Buffer.allocUnsafe(CHUNK);
      this.#used = 0;
    }
  }

  /** Begins an entry. Its content follows as `data`. */
  header(header: TarHeader): void {
    if (this.#left > 0) throw new Error(`the content before ${header.path} is too short`);
    this.#push(ZEROS.subarray(0, this.#padding));
    this.#push(tarHeader(header));
    this.#left = header.size;
    this.#padding = padded(header.size) - header.size;
  }

  data(piece: Buffer): void {
    this.#left -= piece.length;
    this.#push(piece);
  }

  /**
   * Begins to write what is full; undefined when nothing is. Only what was full before is waited for: while one chunk is
   * written the next is unpacked.
   */
  drain(): Promise<void> | undefined {
    return this.#full.length === 0 ? undefined : this.#write();
  }

  #write(): Promise<void> {
    const full = this.#full;
    const before = this.#written;
    this.#full = [];
    this.#written = before.then(() => this.#writeChunks(full));
    // The next who waits is told; if nobody does any more, something else has failed.
    this.#written.catch(() => {});
    return before;
  }

  async #writeChunks(chunks: readonly Buffer[]): Promise<void> {
    for (const chunk of chunks) {
      this.#hash.update(chunk);
      for (let at = 0; at < chunk.length;) at += (await this.#file.write(chunk, at)).bytesWritten;
    }
    this.#empty.push(...chunks);
  }

  /** Ends the archive. Returns the SHA-256 of all of it, as hex. */
  async end(): Promise<string> {
    this.#push(ZEROS.subarray(0, this.#padding));
    this.#push(ZEROS);
    this.#full.push(this.#chunk.subarray(0, this.#used));
    await this.#write();
    await this.#written;
    return this.#hash.digest('hex');
  }
}

/** What takes entries and their contents in the order of the tar. */
export type HeaderSink = Pick<TarSink, 'header' | 'data' | 'drain'>;
