/** Where one gzip member (RFC 1952) or one zstd frame (RFC 8878) ends, with whatever else after it. */
import { inflateRawSync, zstdDecompressSync } from 'node:zlib';

export interface Unpacked {
  content: Buffer;
  /** Bytes that it takes. */
  length: number;
}

const [TEXT_CRC, EXTRA, NAME, COMMENT] = [2, 4, 8, 16] as const;

function gzipHeader(data: Buffer): number {
  const flags = data[3]!;
  let at = 10;
  if (flags & EXTRA) at += 2 + data.readUInt16LE(at);
  for (const flag of [NAME, COMMENT]) if (flags & flag) at = data.indexOf(0, at) + 1;
  return flags & TEXT_CRC ? at + 2 : at;
}

export function ungzip(data: Buffer): Unpacked {
  const start = gzipHeader(data);
  const { buffer, engine } = inflateRawSync(data.subarray(start), { info: true }) as unknown as {
    buffer: Buffer;
    engine: { bytesWritten: number };
  };
  return { content: buffer, length: start + engine.bytesWritten + 8 };
}

function zstdHeader(data: Buffer): number {
  const descriptor = data[4]!;
  const single = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3]!;
  const size = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  return 5 + (single ? 0 : 1) + dictionary + size;
}

export function unzstd(data: Buffer): Unpacked {
  let at = zstdHeader(data);
  for (let last = false; !last;) {
    const block = data.readUIntLE(at, 3);
    last = (block & 1) === 1;
    // A block of one repeated byte has that byte alone.
    at += 3 + (((block >> 1) & 3) === 1 ? 1 : block >> 3);
  }
  if (data[4]! & 4) at += 4;
  return { content: zstdDecompressSync(data.subarray(0, at)), length: at };
}
