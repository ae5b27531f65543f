/** A composed tar as an initrd: an archive that the kernel unpacks into its first root file system. */
import { posix } from 'node:path';
import { CPIO_TYPE, type CpioEntry } from '../disk/cpio.ts';
import type { StreamedEntry } from '../disk/tar-reader.ts';
import {
  BLOCK_DEVICE,
  CHAR_DEVICE,
  DIRECTORY,
  FILE,
  HARD_LINK,
  SYMLINK,
  type Entry,
} from '../run/layer/entry.ts';

const TYPES: Record<string, number> = {
  [FILE]: CPIO_TYPE.file,
  [DIRECTORY]: CPIO_TYPE.directory,
  [SYMLINK]: CPIO_TYPE.symlink,
  // As linuxkit does: the archive is made as it streams by, and links would have to be counted before.
  [HARD_LINK]: CPIO_TYPE.symlink,
  [CHAR_DEVICE]: CPIO_TYPE.device,
  [BLOCK_DEVICE]: CPIO_TYPE.block,
};

/** FIFO. */
const PIPE = 0o010000;

function linkTarget({ type, path, link }: Entry): string {
  return type === HARD_LINK ? posix.relative(posix.dirname(`/${path}`), `/${link}`) : link;
}

function converted({ entry, body }: StreamedEntry): CpioEntry {
  const { path, type, mode, uid, gid, mtime, size, major, minor } = entry;
  const kind = TYPES[type] ?? PIPE;
  const isLink = kind === CPIO_TYPE.symlink;
  const common = { name: path, mode: kind | (isLink ? 0o777 : mode), uid, gid, mtime: Math.max(0, mtime) };
  if (isLink) return { ...common, data: Buffer.from(linkTarget(entry)) };
  if (type === FILE) return { ...common, data: { pieces: body(), size } };
  if (type === CHAR_DEVICE || type === BLOCK_DEVICE) return { ...common, device: [major, minor] };
  return common;
}

/**
 * The entries of the archive. The kernel makes no directories on its way to a file: those that come later, or never,
 * are made first.
 */
export async function* initrdEntries(entries: AsyncIterable<StreamedEntry>): AsyncGenerator<CpioEntry> {
  const made = new Set(['', '.']);
  for await (const streamed of entries) {
    const { path, type } = streamed.entry;
    const parents: string[] = [];
    for (let dir = posix.dirname(path); !made.has(dir); dir = posix.dirname(dir)) parents.unshift(dir);
    for (const dir of parents) {
      made.add(dir);
      yield { name: dir, mode: CPIO_TYPE.directory | 0o755 };
    }
    if (type === DIRECTORY) made.add(path);
    yield converted(streamed);
  }
}
