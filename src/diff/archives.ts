/** Directories, tars and cpio archives as listings: read as they are, nothing is unpacked. */
import { createReadStream, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { OsmithError } from '../errors.ts';
import { TarParser, type LayerEntry } from '../oci/tar-parser.ts';
import { Collector } from './collect.ts';
import type { FileFacts, FileType, Listing } from './types.ts';

const TAR_TYPES: Record<string, FileType> = {
  ...{ 0: 'file', 2: 'symlink', 3: 'character device', 4: 'block device', 5: 'directory', 6: 'pipe' },
};
export const MODE_TYPES: Record<number, FileType> = {
  ...{ 0o010000: 'pipe', 0o020000: 'character device', 0o040000: 'directory', 0o060000: 'block device' },
  ...{ 0o100000: 'file', 0o120000: 'symlink', 0o140000: 'socket' },
};

/** A tar as it arrives; `bare`: modes and owners mean nothing, as they were not in the image. */
export async function listTar(
  file: string,
  stream: AsyncIterable<Buffer>,
  { bare = false, prefix = '' } = {},
): Promise<Listing> {
  const collector = new Collector();
  const parser = new TarParser({
    entry(entry: LayerEntry): boolean {
      const path = prefix + entry.path;
      if (entry.path === '') return false;
      if (entry.type === '1') {
        collector.link(path, prefix + entry.link);
        return false;
      }
      const type = TAR_TYPES[entry.type]!;
      const owned = bare ? {} : { mode: entry.mode, owner: `${entry.uid}:${entry.gid}` };
      const isDevice = type === 'character device' || type === 'block device';
      const detail = isDevice
        ? `${entry.major}, ${entry.minor}`
        : type === 'symlink'
          ? entry.link
          : undefined;
      const facts: FileFacts = { type, ...owned, ...(detail === undefined ? {} : { detail }) };
      if (type !== 'file') {
        collector.add(path, facts);
        return false;
      }
      collector.file(path, { ...facts, size: entry.size });
      return true;
    },
    data: (piece) => collector.data(piece),
  });
  try {
    for await (const chunk of stream) parser.push(chunk);
    parser.end();
  } catch (error) {
    if (error instanceof OsmithError) throw error;
    throw unreadable(file, 'tar', (error as Error).message);
  }
  return collector.end();
}

export function unreadable(file: string, kind: string, why: string): OsmithError {
  return new OsmithError('E_NO_IMAGE', `${file} cannot be read as ${kind}: ${why}`, { where: { file } });
}

/** A directory of this machine. Links are not followed. */
export async function listDirectory(dir: string): Promise<Listing> {
  const collector = new Collector();
  const walk = async (path: string): Promise<void> => {
    for (const name of readdirSync(join(dir, path))) {
      const below = path === '' ? name : `${path}/${name}`;
      const full = join(dir, below);
      const info = lstatSync(full);
      const type = MODE_TYPES[info.mode & 0o170000]!;
      const facts: FileFacts = { type, mode: info.mode & 0o7777, owner: `${info.uid}:${info.gid}` };
      if (type === 'symlink') facts.detail = readlinkSync(full);
      if (type === 'character device' || type === 'block device') {
        facts.detail = `${(info.rdev >> 8) & 0xfff}, ${(info.rdev & 0xff) | ((info.rdev >> 12) & 0xfff00)}`;
      }
      if (type === 'file') {
        collector.file(below, { ...facts, size: info.size });
        if (info.size === 0) continue;
        const stream = createReadStream(full, { highWaterMark: 1 << 20, end: info.size - 1 });
        for await (const piece of stream as AsyncIterable<Buffer>) collector.data(piece);
      } else collector.add(below, facts);
      if (type === 'directory') await walk(below);
    }
  };
  await walk('');
  return collector.end();
}
