/** Zip archives whose members are stored as they are: what goes into ours is compressed already. */
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import type { ArchiveMember } from './archive-member.ts';

/** PKWARE's APPNOTE 6.3.10. */
const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
/** Names are UTF-8. */
const FLAGS = 0x0800;
const VERSION = 45;
const TOO_LARGE = 0xffffffff;

interface Written {
  name: Buffer;
  crc: number;
  size: number;
  at: number;
}

/** MS-DOS' date and time, in UTC: two seconds are the finest it knows, 1980 the first year. */
function dosTime(epoch: number): number {
  const date = new Date(Math.max(epoch, 315532800) * 1000);
  const day = ((date.getUTCFullYear() - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  return day * 0x10000 + time;
}

function content(source: ArchiveMember['source']): AsyncIterable<Buffer> {
  return Buffer.isBuffer(source)
    ? Readable.from([source], { objectMode: false })
    : createReadStream(source.file, { highWaterMark: 1 << 20 });
}

/** The fields that both kinds of header share; sizes are in the extra field, where they may be large. */
function fields({ name, crc }: Written, time: number, extra: number): Buffer {
  const buffer = Buffer.alloc(26);
  buffer.writeUInt16LE(VERSION, 0);
  buffer.writeUInt16LE(FLAGS, 2);
  buffer.writeUInt32LE(time, 6);
  buffer.writeUInt32LE(crc, 10);
  buffer.writeUInt32LE(TOO_LARGE, 14);
  buffer.writeUInt32LE(TOO_LARGE, 18);
  buffer.writeUInt16LE(name.length, 22);
  buffer.writeUInt16LE(extra, 24);
  return buffer;
}

/** Zip64 extended information: sizes, and places. */
function extra64(...numbers: number[]): Buffer {
  const buffer = Buffer.alloc(4 + 8 * numbers.length);
  buffer.writeUInt16LE(1, 0);
  buffer.writeUInt16LE(8 * numbers.length, 2);
  numbers.forEach((number, index) => buffer.writeBigUInt64LE(BigInt(number), 4 + 8 * index));
  return buffer;
}

function signature(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function localHeader(member: Written, time: number): Buffer {
  const extra = extra64(member.size, member.size);
  return Buffer.concat([signature(LOCAL), fields(member, time, extra.length), member.name, extra]);
}

function centralHeader(member: Written, time: number): Buffer {
  const extra = extra64(member.size, member.size, member.at);
  const madeBy = Buffer.alloc(2);
  madeBy.writeUInt16LE((3 << 8) | VERSION); // Unix: the mode is in the external attributes
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(0o100644 * 0x10000, 6);
  rest.writeUInt32LE(TOO_LARGE, 10);
  return Buffer.concat([
    signature(CENTRAL),
    madeBy,
    fields(member, time, extra.length),
    rest,
    member.name,
    extra,
  ]);
}

function endOf(count: number, directory: number, at: number): Buffer {
  const record = Buffer.alloc(56);
  record.writeUInt32LE(END64);
  record.writeBigUInt64LE(44n, 4);
  record.writeUInt16LE((3 << 8) | VERSION, 12);
  record.writeUInt16LE(VERSION, 14);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  record.writeBigUInt64LE(BigInt(directory), 40);
  record.writeBigUInt64LE(BigInt(at), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(LOCATOR64);
  locator.writeBigUInt64LE(BigInt(at + directory), 8);
  locator.writeUInt32LE(1, 16);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END);
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(TOO_LARGE, 12);
  end.writeUInt32LE(TOO_LARGE, 16);
  return Buffer.concat([record, locator, end]);
}

async function* pieces(members: readonly ArchiveMember[], epoch: number): AsyncGenerator<Buffer> {
  const time = dosTime(epoch);
  const written: Written[] = [];
  let at = 0;
  for (const { name, source } of members) {
    let [crc, size] = [0, 0];
    for await (const piece of content(source)) {
      crc = crc32(piece, crc);
      size += piece.length;
    }
    const member = { name: Buffer.from(name), crc, size, at };
    const header = localHeader(member, time);
    yield header;
    yield* content(source);
    written.push(member);
    at += header.length + size;
  }
  const directory = Buffer.concat(written.map((member) => centralHeader(member, time)));
  yield directory;
  yield endOf(written.length, directory.length, at);
}

/** Writes the archive. All times are `epoch`. */
export async function writeZip(
  output: string,
  members: readonly ArchiveMember[],
  epoch: number,
): Promise<void> {
  await pipeline(Readable.from(pieces(members, epoch), { objectMode: false }), createWriteStream(output));
}
