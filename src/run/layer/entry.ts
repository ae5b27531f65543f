/**
 * Tar entries as data, read from and written to POSIX pax archives (IEEE 1003.1, "pax Interchange Format").
 * Our own rather than a library's: extended attributes are binary (file capabilities), which the libraries that
 * decode pax records as text destroy.
 */
import { decodeName, encodeName } from './name.ts';

const BLOCK = 512;

/** ustar type flags. */
export type EntryType = '0' | '1' | '2' | '3' | '4' | '5' | '6';

export const FILE = '0';
export const HARD_LINK = '1';
export const SYMLINK = '2';
export const CHAR_DEVICE = '3';
export const BLOCK_DEVICE = '4';
export const DIRECTORY = '5';

export interface Entry {
  /** Without leading `./` or `/` and trailing `/`; the root directory is the empty string. */
  path: string;
  type: EntryType;
  /** Permission bits including setuid, setgid, sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content that follow. */
  size: number;
  /** Seconds since the Unix epoch. */
  mtime: number;
  /** Target of a symbolic link as written; of a hard link normalised like `path`. */
  link: string;
  major: number;
  minor: number;
  /** Extended attributes: name (`security.capability`) to value. */
  xattrs: Map<string, Buffer>;
}

const XATTR = 'SCHILY.xattr.';

/** `./a//b/` as `a/b`. */
export function normalise(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

function text(block: Buffer, at: number, length: number): string {
  const end = block.subarray(at, at + length).indexOf(0);
  return decodeName(block.subarray(at, at + (end < 0 ? length : end)));
}

/** An octal field, or GNU's base-256 form for large values. */
function numeric(block: Buffer, at: number, length: number): number {
  if ((block[at]! & 0x80) === 0) return parseInt(text(block, at, length).trim() || '0', 8);
  return Number(
    BigInt.asUintN(63, BigInt(`0x${block.toString('hex', at, at + length)}`) & 0x7fffffffffffffffn),
  );
}

export function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** `LENGTH KEY=VALUE\n` records. */
export function parsePax(data: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < data.length && data[at] !== 0;) {
    const space = data.indexOf(0x20, at);
    const length = Number(data.toString('latin1', at, space));
    if (space < 0 || !Number.isInteger(length) || length <= 0) throw new Error('malformed pax record');
    const record = data.subarray(space + 1, at + length - 1);
    const equals = record.indexOf(0x3d);
    records.set(record.toString('utf8', 0, equals), Buffer.from(record.subarray(equals + 1)));
    at += length;
  }
  return records;
}

/** Names as an archive has them, before anything is normalised. */
export interface RawNames {
  name: string;
  link: string;
  uname: string;
  gname: string;
}

export function rawNames(block: Buffer, pax: ReadonlyMap<string, Buffer>): RawNames {
  const own = (key: string, at: number, length: number) => {
    const value = pax.get(key);
    return value ? decodeName(value) : text(block, at, length);
  };
  const prefix = text(block, 257, 5) === 'ustar' && block[263] === 0x30 ? text(block, 345, 155) : '';
  return {
    name: pax.has('path') || prefix === '' ? own('path', 0, 100) : `${prefix}/${text(block, 0, 100)}`,
    link: own('linkpath', 157, 100),
    uname: own('uname', 265, 32),
    gname: own('gname', 297, 32),
  };
}

/** The entry that a header block and the extended records before it describe. */
export function parseHeader(block: Buffer, pax: Map<string, Buffer>): Entry {
  const own = (name: string) => {
    const value = pax.get(name);
    return value && decodeName(value);
  };
  const { name, link } = rawNames(block, pax);
  const flag = String.fromCharCode(block[156]!);
  const type = (flag === '\0' || flag === '7' ? FILE : flag) as EntryType;
  if (!/^[0-6]$/.test(type)) throw new Error(`unsupported tar entry type ${JSON.stringify(flag)} at ${name}`);
  const xattrs = new Map<string, Buffer>();
  for (const [key, value] of pax) if (key.startsWith(XATTR)) xattrs.set(key.slice(XATTR.length), value);
  return {
    path: normalise(name),
    type,
    mode: numeric(block, 100, 8) & 0o7777,
    uid: Number(own('uid') ?? numeric(block, 108, 8)),
    gid: Number(own('gid') ?? numeric(block, 116, 8)),
    size: type === FILE ? Number(own('size') ?? numeric(block, 124, 12)) : 0,
    mtime: Math.floor(Number(own('mtime') ?? numeric(block, 136, 12))),
    link: type === HARD_LINK ? normalise(link) : link,
    major: numeric(block, 329, 8),
    minor: numeric(block, 337, 8),
    xattrs,
  };
}

/** A `LENGTH KEY=VALUE\n` record. */
export function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** A ustar header block; what does not fit into a field belongs into an extended header before it. */
export function ustarBlock(fields: {
  name: Buffer;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  type: string;
  link: Buffer;
  /** Left empty where there is none. */
  major?: number;
  minor?: number;
  uname?: Buffer;
  gname?: Buffer;
}): Buffer {
  const out = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    out.write(
      value
        .toString(8)
        .padStart(length - 1, '0')
        .slice(1 - length),
      at,
      'latin1',
    );
  fields.name.copy(out, 0, 0, 100);
  octal(fields.mode, 100, 8);
  octal(Math.min(fields.uid, 0o7777777), 108, 8);
  octal(Math.min(fields.gid, 0o7777777), 116, 8);
  octal(Math.min(fields.size, 0o77777777777), 124, 12);
  octal(Math.max(fields.mtime, 0), 136, 12);
  out.fill(0x20, 148, 156);
  out.write(fields.type, 156);
  fields.link.copy(out, 157, 0, 100);
  out.write('ustar\x0000', 257, 'latin1');
  fields.uname?.copy(out, 265, 0, 32);
  fields.gname?.copy(out, 297, 0, 32);
  if (fields.major !== undefined) octal(fields.major, 329, 8);
  if (fields.minor !== undefined) octal(fields.minor, 337, 8);
  let sum = 0;
  for (const byte of out) sum += byte;
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return out;
}

/** Header blocks of an entry: the same bytes for the same entry, always. */
export function encodeHeader(entry: Entry): Buffer {
  const name = encodeName(entry.type === DIRECTORY ? `${entry.path === '' ? '.' : entry.path}/` : entry.path);
  const link = encodeName(entry.link);
  const records: Buffer[] = [];
  const add = (key: string, value: string | Buffer) =>
    records.push(paxRecord(key, Buffer.from(value as string)));
  if (link.length > 100) add('linkpath', link);
  if (name.length > 100) add('path', name);
  if (entry.size > 0o77777777777) add('size', String(entry.size));
  if (entry.uid > 0o7777777) add('uid', String(entry.uid));
  if (entry.gid > 0o7777777) add('gid', String(entry.gid));
  const names = [...entry.xattrs.keys()].sort();
  for (const key of names) records.push(paxRecord(XATTR + key, entry.xattrs.get(key)!));
  const header = ustarBlock({ ...entry, name, link });
  if (records.length === 0) return header;
  const data = Buffer.concat(records);
  const paxHeader = ustarBlock({
    ...{
      name: Buffer.from('PaxHeaders/x'),
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: data.length,
      mtime: 0,
      type: 'x',
    },
    ...{ link: Buffer.alloc(0), major: 0, minor: 0 },
  });
  return Buffer.concat([paxHeader, data, Buffer.alloc(padded(data.length) - data.length), header]);
}
