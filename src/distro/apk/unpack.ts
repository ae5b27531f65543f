/** What a package puts into a system: a tar archive to be unpacked there, and what the database will say of it. */
import { createHash } from 'node:crypto';
import { OsmithError } from '../../errors.ts';
import {
  BLOCK_DEVICE,
  CHAR_DEVICE,
  DIRECTORY,
  encodeHeader,
  FILE,
  HARD_LINK,
  padded,
  type Entry,
} from '../../run/layer/entry.ts';
import {
  DEFAULT_DIR,
  recordOf,
  xattrChecksum,
  type Access,
  type InstalledDir,
  type InstalledFile,
  type InstalledRecord,
} from './database.ts';
import type { Owners } from './ownership.ts';
import type { PackageFile } from './package-file.ts';
import { tarEntries, type TarEntry } from './tar.ts';

export interface Unpacked {
  record: InstalledRecord;
  archive: Buffer;
  /** Files below /etc, which are kept where someone changed them: path to the SHA-1, in hex, of the file and of the one before. */
  guarded: { path: string; sha1: string; before: string }[];
}

const SHA1 = 'APK-TOOLS.checksum.SHA1';

/** apk(8) keeps what is below /etc, but not its own files there. */
const GUARDED = /^etc\/(?!apk\/)/;

const hex = (checksum: string) => Buffer.from(checksum.slice(2), 'base64').toString('hex');

function accessOf({ entry, uname, gname }: TarEntry): Access {
  const { mode, uid, gid, xattrs } = entry;
  return { mode, uid, gid, uname, gname, xattrs: xattrChecksum(xattrs) };
}

function checksumOf({ entry, pax, body }: TarEntry): string {
  const given = pax.get(SHA1)?.toString('latin1');
  if (given !== undefined) return `Q1${Buffer.from(given, 'hex').toString('base64')}`;
  const content = entry.type === FILE ? body : Buffer.from(entry.link);
  return `Q1${createHash('sha1').update(content).digest('base64')}`;
}

/** Header and content, with the names of the owner and the group. */
function encode(entry: Entry, { uname, gname }: Access, body: Buffer): Buffer[] {
  const named = { ...entry, uname: Buffer.from(uname), gname: Buffer.from(gname) };
  return [encodeHeader(named), body, Buffer.alloc(padded(body.length) - body.length)];
}

/** `head`: the lines of the index about the package. */
export function unpack(
  { info, data }: PackageFile,
  head: string[],
  owners: Owners,
  isLeftOut: (path: string) => boolean,
): Unpacked {
  const replaces = info.get('replaces') ?? [];
  const priority = info.get('replaces_priority')?.[0];
  const record = recordOf([
    ...head,
    ...(replaces.length > 0 ? [`r:${replaces.join(' ')}`] : []),
    ...(priority === undefined ? [] : [`q:${priority}`]),
  ]);
  const parts: Buffer[] = [];
  const guarded: Unpacked['guarded'] = [];
  const dirs = new Map<string, InstalledDir>();
  const dirOf = (path: string, access: Access): InstalledDir => {
    const dir = dirs.get(path) ?? { ...access, path, files: [] };
    if (!dirs.has(path)) record.dirs.push(dir);
    dirs.set(path, dir);
    return dir;
  };
  /** What is not unpacked, for other names of the same file. */
  const absent = new Map<string, TarEntry>();
  const checksums = new Map<string, string>();
  for (const found of tarEntries(data)) {
    const { path, type, link } = found.entry;
    if (path.split('/').includes('..'))
      throw new OsmithError('E_STEP', `${record.name} has a file outside of the system: ${path}`);
    const target = type === HARD_LINK ? absent.get(link) : undefined;
    const item = target === undefined ? found : { ...target, entry: { ...target.entry, path } };
    if (isLeftOut(path)) absent.set(path, item);
    // Nobody but root of the whole machine could make them.
    if (path === '' || isLeftOut(path) || type === CHAR_DEVICE || type === BLOCK_DEVICE) continue;
    if (type === DIRECTORY) {
      const now = owners.directory(record, dirOf(path, accessOf(item)));
      const { mode, uid, gid } = now;
      parts.push(...encode({ ...item.entry, mode, uid, gid }, now, item.body));
      continue;
    }
    const slash = path.lastIndexOf('/');
    const dir = dirOf(path.slice(0, Math.max(slash, 0)), DEFAULT_DIR);
    const checksum = checksums.get(type === HARD_LINK ? link : path) ?? checksumOf(item);
    const file: InstalledFile = { ...accessOf(item), name: path.slice(slash + 1), checksum };
    checksums.set(path, checksum);
    const { isTaken, old } = owners.file(record, dir, file);
    if (!isTaken) {
      absent.set(path, item);
      continue;
    }
    dir.files.push(file);
    if (item.entry.type === FILE && GUARDED.test(path))
      guarded.push({ path, sha1: hex(checksum), before: old === undefined ? '' : hex(old.checksum) });
    parts.push(...encode(item.entry, file, item.body));
  }
  return { record, archive: Buffer.concat([...parts, Buffer.alloc(1024)]), guarded };
}
