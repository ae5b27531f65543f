/**
 * Headers of the composed tar, byte for byte as Go's archive/tar writes them in its PAX format: linuxkit's tars are
 * compared and reused by their bytes. A record stands in the extended header when the field cannot hold the value, when
 * it is none of the standard ones, or when the archive that the entry comes from had it with the same value.
 */
import { isAscii } from 'node:buffer';
import { posix } from 'node:path';
import { encodeName } from '../run/layer/name.ts';
import { padded, paxRecord, ustarBlock } from '../run/layer/entry.ts';

export interface TarHeader {
  /** As written; linuxkit ends the names of some directories with a slash. */
  path: string;
  type: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Seconds. */
  mtime: number;
  link: string;
  major: number;
  minor: number;
  uname: string;
  gname: string;
  records: ReadonlyMap<string, Buffer>;
}

const STANDARD = ['path', 'linkpath', 'size', 'uid', 'gid', 'uname', 'gname', 'mtime', 'atime', 'ctime'];

/** `12.340` as `12.34`; undefined for what is no time. */
export function paxTime(text: string): string | undefined {
  const [, sign, seconds, fraction = ''] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text) ?? [];
  if (seconds === undefined) return undefined;
  const digits = fraction.slice(0, 9).replace(/0+$/, '');
  return `${sign}${BigInt(seconds)}${digits === '' ? '' : `.${digits}`}`;
}

function ascii(bytes: Buffer): Buffer {
  if (isAscii(bytes) && !bytes.includes(0)) return bytes;
  return Buffer.from(bytes.filter((byte) => byte !== 0 && byte < 0x80));
}

function withoutSlashes(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0x2f) end -= 1;
  return bytes.subarray(0, end);
}

/** What a field of the plain header can hold of a name. */
function field(bytes: Buffer, length: number): Buffer {
  const name = ascii(bytes);
  const cut = name.subarray(0, length);
  // A name cut off behind a slash would read as a directory's.
  return name.length > length && cut[length - 1] === 0x2f ? withoutSlashes(cut) : cut;
}

function fits(value: number, length: number): boolean {
  return value >= 0 && value < 8 ** (length - 1);
}

function extendedName(path: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return posix.join(path.slice(0, slash), 'PaxHeaders.0', path.slice(slash));
}

/** Whole seconds: a time with a fraction is more digits than a number holds. */
function wholeSeconds({ mtime, records }: TarHeader): number {
  const recorded = paxTime(records.get('mtime')?.toString('latin1') ?? '');
  return recorded === undefined ? mtime : Number(recorded.replace(/\..*/, ''));
}

function extendedRecords(header: TarHeader, names: Record<string, Buffer>): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  const own = header.records;
  const text = (key: string, length: number) => {
    const bytes = names[key]!;
    if (bytes.length > length || !isAscii(bytes) || own.get(key)?.equals(bytes)) records.set(key, bytes);
  };
  const number = (key: string, value: number, length: number) => {
    const bytes = Buffer.from(String(value));
    if (!fits(value, length) || own.get(key)?.equals(bytes)) records.set(key, bytes);
  };
  text('path', 100);
  text('linkpath', 100);
  text('uname', 32);
  text('gname', 32);
  number('uid', header.uid, 8);
  number('gid', header.gid, 8);
  number('size', header.size, 12);
  for (const key of ['atime', 'ctime', 'mtime']) {
    const given = own.get(key)?.toString('latin1');
    const time = given === undefined ? undefined : paxTime(given);
    if (time === undefined) continue;
    // The field holds whole seconds.
    const needed = key !== 'mtime' || time.includes('.') || time === given || !fits(header.mtime, 12);
    if (needed) records.set(key, Buffer.from(time));
  }
  if (!own.has('mtime') && !fits(header.mtime, 12)) records.set('mtime', Buffer.from(String(header.mtime)));
  for (const [key, value] of own) if (!STANDARD.includes(key)) records.set(key, value);
  return records;
}

/** All blocks before the content. */
export function tarHeader(given: TarHeader): Buffer {
  const header = { ...given, mtime: wholeSeconds(given) };
  const names = {
    path: encodeName(header.path),
    linkpath: encodeName(header.link),
    uname: encodeName(header.uname),
    gname: encodeName(header.gname),
  };
  const records = extendedRecords(header, names);
  const orZero = (value: number, length: number) => (fits(value, length) ? value : 0);
  const main = ustarBlock({
    name: field(names.path, 100),
    mode: orZero(header.mode, 8),
    uid: orZero(header.uid, 8),
    gid: orZero(header.gid, 8),
    size: orZero(header.size, 12),
    mtime: orZero(header.mtime, 12),
    type: header.type,
    link: field(names.linkpath, 100),
    ...{ uname: field(names.uname, 32), gname: field(names.gname, 32) },
    ...{ major: orZero(header.major, 8), minor: orZero(header.minor, 8) },
  });
  if (records.size === 0) return main;
  const keys = [...records.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const data = Buffer.concat(keys.map((key) => paxRecord(key, records.get(key)!)));
  const extended = ustarBlock({
    name: withoutSlashes(ascii(encodeName(extendedName(header.path))).subarray(0, 100)),
    ...{ mode: 0, uid: 0, gid: 0, size: data.length, mtime: 0, type: 'x', link: Buffer.alloc(0) },
  });
  return Buffer.concat([extended, data, Buffer.alloc(padded(data.length) - data.length), main]);
}
