/**
 * Chunk indexes: where a file can be cut so that another version of it has most pieces in common. Cuts depend on the
 * contents alone, so that what is inserted moves no later cut. An index is published beside its file; a machine
 * takes the pieces it has from its old file and asks the server for ranges of the new one.
 *
 * An index is a hint: what comes out is checked as a whole against the signed digest.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

export interface Chunk {
  offset: number;
  size: number;
  /** Hexadecimal. */
  sha256: string;
}

const MIN = 16 * 1024;
const MAX = 256 * 1024;
/** A cut every 64 KiB on average, after the least size. The upper bits depend on the last 32 bytes. */
const MASK = 0xffff0000 | 0;
const MAGIC = 'osmith-chunks 1\n';
const RECORD = 4 + 32;
/** An index of a file of 100 GiB; more is garbage. */
export const MAX_INDEX = 64 * 1024 * 1024;

/** 256 fixed pseudo-random numbers: part of the format. */
const GEAR = Int32Array.from({ length: 256 }, (_, byte) =>
  createHash('sha256').update(`osmith gear ${byte}`).digest().readInt32LE(0),
);

/** Cuts a stream of bytes as it comes; `chunk` is called with each piece. */
export function cutter(chunk: (data: Buffer) => void): { push(data: Buffer): void; end(): void } {
  let buffer: Buffer = Buffer.alloc(0);
  const cutOff = (from: number): number | undefined => {
    const end = Math.min(buffer.length, from + MAX);
    let hash = 0;
    // The hash forgets a byte after 32 more: starting that far before the first possible cut is enough.
    for (let at = from + MIN - 32; at < end; at += 1) {
      hash = ((hash << 1) + GEAR[buffer[at]!]!) | 0;
      if (at >= from + MIN && (hash & MASK) === 0) return at + 1;
    }
    return end === from + MAX ? end : undefined;
  };
  const cut = () => {
    let from = 0;
    for (;;) {
      const to = buffer.length - from < MIN ? undefined : cutOff(from);
      if (to === undefined) break;
      chunk(buffer.subarray(from, to));
      from = to;
    }
    buffer = Buffer.from(buffer.subarray(from));
  };
  return {
    push(data) {
      buffer = buffer.length === 0 ? data : Buffer.concat([buffer, data]);
      if (buffer.length >= MAX) cut();
    },
    end() {
      cut();
      if (buffer.length > 0) chunk(buffer);
      buffer = Buffer.alloc(0);
    },
  };
}

/** Cuts a file, or its first `size` bytes. */
export async function chunkFile(path: string, size = Infinity): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  let offset = 0;
  const pieces = cutter((data) => {
    chunks.push({ offset, size: data.length, sha256: createHash('sha256').update(data).digest('hex') });
    offset += data.length;
  });
  const file = await open(path);
  try {
    const block = Buffer.alloc(1024 * 1024);
    for (let at = 0; at < size;) {
      const wanted = Math.min(block.length, size - at);
      const { bytesRead } = await file.read(block, 0, wanted, at);
      if (bytesRead === 0) break;
      pieces.push(Buffer.from(block.subarray(0, bytesRead)));
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
  pieces.end();
  return chunks;
}

/** The text of an index: a line that says what it is, then size and SHA-256 of each chunk. */
export function formatIndex(chunks: readonly Chunk[]): Buffer {
  const records = chunks.map(({ size, sha256 }) => {
    const record = Buffer.alloc(RECORD);
    record.writeUInt32LE(size, 0);
    record.write(sha256, 4, 'hex');
    return record;
  });
  return Buffer.concat([Buffer.from(MAGIC), ...records]);
}

/** Undefined for anything that is not an index of a file of this size. */
export function parseIndex(data: Buffer, size: number): Chunk[] | undefined {
  const body = data.subarray(MAGIC.length);
  if (data.toString('latin1', 0, MAGIC.length) !== MAGIC || body.length % RECORD !== 0) return undefined;
  const chunks: Chunk[] = [];
  let offset = 0;
  for (let at = 0; at < body.length; at += RECORD) {
    const length = body.readUInt32LE(at);
    if (length === 0 || length > MAX) return undefined;
    chunks.push({ offset, size: length, sha256: body.toString('hex', at + 4, at + RECORD) });
    offset += length;
  }
  return offset === size ? chunks : undefined;
}

/** A piece of the new file: in the old one already, or to be downloaded. Offsets into the file it comes from. */
export interface Piece {
  from: 'local' | 'remote';
  offset: number;
  size: number;
}

/** Gaps up to this many bytes are downloaded along: a request costs more. */
const GAP = 32 * 1024;

/**
 * How to make the new file from its byte `start` on: consecutive pieces of the same origin are joined, and small local
 * ones between remote ones are downloaded as well.
 */
export function planPieces(wanted: readonly Chunk[], have: readonly Chunk[], start = 0): Piece[] {
  const local = new Map(have.map((chunk) => [chunk.sha256, chunk]));
  const pieces: Piece[] = [];
  const add = (piece: Piece) => {
    const last = pieces.at(-1);
    if (last !== undefined && last.from === piece.from && last.offset + last.size === piece.offset)
      last.size += piece.size;
    else pieces.push({ ...piece });
  };
  for (const chunk of wanted) {
    const skip = Math.max(0, start - chunk.offset);
    if (skip >= chunk.size) continue;
    const found = local.get(chunk.sha256);
    const source = found !== undefined && found.size === chunk.size ? found : undefined;
    const offset = (source ?? chunk).offset + skip;
    add({ from: source === undefined ? 'remote' : 'local', offset, size: chunk.size - skip });
  }
  return joinGaps(pieces, start);
}

function joinGaps(pieces: readonly Piece[], start: number): Piece[] {
  const joined: Piece[] = [];
  let at = start;
  pieces.forEach((piece, index) => {
    const last = joined.at(-1);
    const between = last?.from === 'remote' && pieces[index + 1]?.from === 'remote';
    const small = piece.from === 'local' && piece.size <= GAP && between;
    if (last?.from === 'remote' && (small || piece.from === 'remote')) last.size += piece.size;
    else
      joined.push(piece.from === 'remote' || small ? { ...piece, from: 'remote', offset: at } : { ...piece });
    at += piece.size;
  });
  return joined;
}
