/**
 * Writes cpio archives in the "newc" format, the one that Linux unpacks into its first root file system
 * (Documentation/driver-api/early-userspace/buffer-format.rst in the kernel source).
 */
import { createReadStream } from 'node:fs';
import { OsmithError } from '../errors.ts';

/** File type bits of `mode`. */
export const CPIO_TYPE = {
  directory: 0o040000,
  file: 0o100000,
  symlink: 0o120000,
  device: 0o020000,
  block: 0o060000,
} as const;

export interface CpioEntry {
  /** Without leading slash. Parents must come first. */
  name: string;
  /** Type and permission bits. */
  mode: number;
  /** Content of a file, target of a symbolic link; or a file on the host; or pieces that are yet to come. */
  data?: Buffer | { file: string; size: number } | { pieces: AsyncIterable<Buffer>; size: number };
  /** Default: root. */
  uid?: number;
  gid?: number;
  /** Seconds; default: the archive's epoch. */
  mtime?: number;
  /** Major and minor number of a device. */
  device?: [number, number];
}

/** Sizes are eight hex digits. */
const MAX_SIZE = 0xffffffff;

function header(inode: number, entry: CpioEntry, size: number, epoch: number): Buffer {
  const name = Buffer.from(`${entry.name}\0`);
  const links = (entry.mode & 0o170000) === CPIO_TYPE.directory ? 2 : 1;
  const [major, minor] = entry.device ?? [0, 0];
  const { uid = 0, gid = 0, mtime = epoch } = entry;
  const fields = [inode, entry.mode, uid, gid, links, mtime, size, 0, 0, major, minor, name.length, 0];
  const text = fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0')).join('');
  return padTo4(Buffer.concat([Buffer.from(`070701${text}`), name]));
}

/** Zeros up to the next multiple of four: where the kernel expects what follows. */
export function padding4(size: number): Buffer {
  return Buffer.alloc((4 - (size % 4)) % 4);
}

function padTo4(data: Buffer): Buffer {
  return Buffer.concat([data, padding4(data.length)]);
}

/** The archive in pieces. Where an entry says nothing else, root owns it and it is of `epoch` (seconds). Inode numbers count up. */
export async function* cpioArchive(
  entries: Iterable<CpioEntry> | AsyncIterable<CpioEntry>,
  epoch: number,
): AsyncGenerator<Buffer> {
  let inode = 0;
  for await (const entry of entries) {
    const { data = Buffer.alloc(0) } = entry;
    const size = Buffer.isBuffer(data) ? data.length : data.size;
    if (size > MAX_SIZE) {
      throw new OsmithError(
        'E_TOO_LARGE',
        `${entry.name} has ${size} bytes; an initrd file can have ${MAX_SIZE}`,
        {
          hint: 'Install less into the system that runs from memory',
        },
      );
    }
    yield header(++inode, entry, size, epoch);
    if (Buffer.isBuffer(data)) yield data;
    else if ('pieces' in data) yield* data.pieces;
    else yield* createReadStream(data.file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>;
    yield padding4(size);
  }
  yield header(0, { name: 'TRAILER!!!', mode: 0 }, 0, 0);
}
