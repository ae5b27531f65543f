/** What apk knows of an installed system: /lib/apk/db/installed. */
import { createHash } from 'node:crypto';
import { parseDependency, type Dependency } from './dependency.ts';
import { paragraphs } from './package-index.ts';

/** Owner and mode. The names count for more than the numbers when something is unpacked. */
export interface Access {
  mode: number;
  uid: number;
  gid: number;
  uname: string;
  gname: string;
  /** Checksum of the extended attributes; empty: there are none. */
  xattrs: string;
}

export interface InstalledFile extends Access {
  name: string;
  /** `Q1` and the SHA-1 in base64; empty for what has none. */
  checksum: string;
}

export interface InstalledDir extends Access {
  path: string;
  files: InstalledFile[];
}

export interface InstalledRecord {
  name: string;
  version: string;
  checksum: string;
  origin: string;
  /** Whose files it may take over, and how much that counts. */
  replaces: Dependency[];
  replacesPriority: number;
  /** All lines about the package itself. */
  head: string[];
  dirs: InstalledDir[];
}

const ROOT = { uid: 0, gid: 0, uname: '', gname: '', xattrs: '' };
export const DEFAULT_DIR: Access = { ...ROOT, mode: 0o755 };
const DEFAULT_FILE: Access = { ...ROOT, mode: 0o644 };

function parseAccess(text: string): Access {
  const [uid = '0', gid = '0', mode = '0', xattrs = ''] = text.split(':');
  return { ...ROOT, uid: Number(uid), gid: Number(gid), mode: parseInt(mode, 8), xattrs };
}

/** Of the lines about the package: what else depends on them. */
export function recordOf(head: string[]): InstalledRecord {
  const field = (letter: string) => head.find((line) => line.startsWith(`${letter}:`))?.slice(2) ?? '';
  const replaces = field('r')
    .split(' ')
    .flatMap((word) => parseDependency(word) ?? []);
  return {
    ...{ name: field('P'), version: field('V'), checksum: field('C'), origin: field('o') },
    ...{ replaces, replacesPriority: Number(field('q')), head, dirs: [] },
  };
}

function parseRecord(text: string): InstalledRecord {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith('F:'));
  const record = recordOf(start < 0 ? lines : lines.slice(0, start));
  for (const line of start < 0 ? [] : lines.slice(start)) {
    const value = line.slice(2);
    const dir = record.dirs.at(-1)!;
    const file = dir?.files.at(-1);
    if (line[0] === 'F') record.dirs.push({ ...DEFAULT_DIR, path: value, files: [] });
    else if (line[0] === 'M') Object.assign(dir, parseAccess(value));
    else if (line[0] === 'R') dir.files.push({ ...DEFAULT_FILE, name: value, checksum: '' });
    else if (line[0] === 'a') Object.assign(file!, parseAccess(value));
    else if (line[0] === 'Z') file!.checksum = value;
  }
  return record;
}

export function parseDatabase(text: string): InstalledRecord[] {
  return paragraphs(text).map(parseRecord);
}

function accessLine(letter: string, own: Access, usual: Access): string[] {
  const { uid, gid, mode, xattrs } = own;
  if (uid === 0 && gid === 0 && mode === usual.mode && xattrs === '') return [];
  return [`${letter}:${uid}:${gid}:${mode.toString(8)}${xattrs && `:${xattrs}`}`];
}

function formatRecord({ head, dirs }: InstalledRecord): string {
  const lines = dirs.flatMap((dir) => [
    `F:${dir.path}`,
    ...accessLine('M', dir, DEFAULT_DIR),
    ...dir.files.flatMap((file) => [
      `R:${file.name}`,
      ...accessLine('a', file, DEFAULT_FILE),
      ...(file.checksum === '' ? [] : [`Z:${file.checksum}`]),
    ]),
  ]);
  return `${[...head, ...lines].join('\n')}\n\n`;
}

export function formatDatabase(records: readonly InstalledRecord[]): string {
  return records.map(formatRecord).join('');
}

/** As apk has it: lengths and bytes of names and values, in the order of the names. */
export function xattrChecksum(xattrs: ReadonlyMap<string, Buffer>): string {
  if (xattrs.size === 0) return '';
  const hash = createHash('sha1');
  const add = (data: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    hash.update(length).update(data);
  };
  for (const name of [...xattrs.keys()].sort()) {
    add(Buffer.from(name));
    add(xattrs.get(name)!);
  }
  return `Q1${hash.digest('base64')}`;
}
