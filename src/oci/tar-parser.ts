/**
 * Reads a tar as it arrives, without waiting and without holding contents: chunks go in, entries and pieces of their
 * contents come out in the same call. A layer has tens of thousands of small files; an await for each would cost more
 * than unpacking them.
 */
import { padded, parseHeader, parsePax, rawNames, type Entry, type RawNames } from '../run/layer/entry.ts';

const BLOCK = 512;

/** Extended headers are held in memory. Bytes. */
const MAX_EXTENDED = 1 << 20;

/** Extended headers: of the next entry (pax, GNU long name, GNU long link), and of all (pax global). */
const EXTENDED = 'xLKg';

/** An entry with its names as written and all its extended records. */
export interface LayerEntry extends Entry {
  raw: RawNames;
  records: Map<string, Buffer>;
}

export interface TarHandler {
  /** Whether the content is wanted. `offset`: where it begins in the archive. */
  entry(entry: LayerEntry, offset: number): boolean;
  /** Pieces of a wanted content, in order. Only valid during the call. */
  data(piece: Buffer): void;
}

function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at += 1) if (at < 148 || at >= 156) sum += block[at]!;
  return sum;
}

function storedChecksum(block: Buffer): number {
  return parseInt(block.toString('latin1', 148, 156).replace(/\0.*/, '').trim(), 8);
}

function isZero(block: Buffer): boolean {
  return block[0] === 0 && block.every((byte) => byte === 0);
}

export class TarParser {
  readonly #handler: TarHandler;
  /** Bytes of a header or extended header that are there already. */
  #partial: Buffer[] = [];
  #have = 0;
  #need = BLOCK;
  /** The flag of the extended header whose data is awaited; empty: a header is. */
  #extended = '';
  #extendedSize = 0;
  #records = new Map<string, Buffer>();
  #body = 0;
  /** Bytes before the chunk that is being read. */
  #before = 0;
  #padding = 0;
  #wanted = false;
  #ended = false;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** Throws an Error that says what is wrong with the archive. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#ended) {
      if (this.#body > 0) {
        const count = Math.min(this.#body, chunk.length - at);
        if (this.#wanted) this.#handler.data(chunk.subarray(at, at + count));
        this.#body -= count;
        at += count;
      } else if (this.#padding > 0) {
        const count = Math.min(this.#padding, chunk.length - at);
        this.#padding -= count;
        at += count;
      } else at = this.#gather(chunk, at);
    }
    this.#before += chunk.length;
  }

  /** Throws if the archive is cut off. */
  end(): void {
    if (this.#ended) return;
    // Some programs leave out the zero blocks at the end, umoci even the padding of the last file.
    const between = this.#body === 0 && this.#have === 0 && this.#extended === '';
    if (!between) throw new Error('the archive is cut off');
  }

  /** Collects a header or the data of an extended one; returns where to go on. */
  #gather(chunk: Buffer, at: number): number {
    const count = Math.min(this.#need - this.#have, chunk.length - at);
    const piece = chunk.subarray(at, at + count);
    if (this.#have + count < this.#need) {
      this.#partial.push(Buffer.from(piece));
      this.#have += count;
      return at + count;
    }
    const whole = this.#have === 0 ? piece : Buffer.concat([...this.#partial, piece]);
    this.#partial = [];
    this.#have = 0;
    if (this.#extended === '') this.#header(whole, this.#before + at + count);
    else this.#extendedData(whole.subarray(0, this.#extendedSize));
    return at + count;
  }

  #header(block: Buffer, offset: number): void {
    if (isZero(block)) {
      this.#ended = true;
      return;
    }
    if (checksum(block) !== storedChecksum(block)) throw new Error('a header has a wrong checksum');
    const flag = String.fromCharCode(block[156]!);
    if (EXTENDED.includes(flag)) {
      const size = parseInt(block.toString('latin1', 124, 136).replace(/\0.*/, '').trim() || '0', 8);
      if (!(size <= MAX_EXTENDED)) throw new Error(`an extended header has ${size} bytes`);
      if (size === 0) return;
      this.#extended = flag;
      this.#extendedSize = size;
      this.#need = padded(size);
      return;
    }
    this.#start(block, offset);
  }

  #start(block: Buffer, offset: number): void {
    const records = this.#records;
    this.#records = new Map();
    for (const key of records.keys()) {
      if (key.startsWith('GNU.sparse.')) throw new Error('it holds a sparse file in GNU form');
    }
    const entry = parseHeader(block, records);
    if (!Number.isSafeInteger(entry.size) || entry.size < 0)
      throw new Error(`${entry.path} has no valid size`);
    for (const id of [entry.uid, entry.gid, entry.mtime]) {
      if (!Number.isSafeInteger(id)) throw new Error(`${entry.path} has no valid owner or time`);
    }
    this.#wanted = this.#handler.entry({ ...entry, raw: rawNames(block, records), records }, offset);
    this.#body = entry.size;
    this.#padding = padded(entry.size) - entry.size;
  }

  #extendedData(data: Buffer): void {
    const flag = this.#extended;
    this.#extended = '';
    this.#need = BLOCK;
    if (flag === 'x') for (const [key, value] of parsePax(data)) this.#records.set(key, Buffer.from(value));
    else if (flag !== 'g') {
      const end = data.indexOf(0);
      this.#records.set(
        flag === 'L' ? 'path' : 'linkpath',
        Buffer.from(data.subarray(0, end < 0 ? undefined : end)),
      );
    }
  }
}
