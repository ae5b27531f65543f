/** Files that are gzip streams one behind the other, whose borders have a meaning. */
import { crc32, inflateRawSync, type Zlib } from 'node:zlib';

interface Inflated {
  buffer: Buffer;
  engine: Zlib & { bytesWritten: number };
}

const EXTRA = 4;
const STRINGS = [8, 16];
const HEADER_CHECK = 2;

/** Bytes of the header (RFC 1952). */
function headerLength(data: Buffer): number {
  const flags = data[3]!;
  if (data.length < 18 || data.readUInt16BE(0) !== 0x1f8b || data[2] !== 8)
    throw new Error('not a gzip stream');
  let at = 10;
  if (flags & EXTRA) at += 2 + data.readUInt16LE(at);
  for (const flag of STRINGS) if (flags & flag) at = data.indexOf(0, at) + 1;
  return flags & HEADER_CHECK ? at + 2 : at;
}

/** The first stream: its content, and how many bytes it takes. Throws an Error for what is damaged or larger than `limit`. */
export function firstStream(data: Buffer, limit?: number): { content: Buffer; length: number } {
  const start = headerLength(data);
  const options = { info: true, ...(limit !== undefined && { maxOutputLength: limit }) };
  const { buffer, engine } = inflateRawSync(data.subarray(start), options) as unknown as Inflated;
  const end = start + engine.bytesWritten;
  if (data.readUInt32LE(end) !== crc32(buffer)) throw new Error('the checksum of a gzip stream is wrong');
  return { content: buffer, length: end + 8 };
}
