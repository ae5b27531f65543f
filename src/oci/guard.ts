/**
 * What a layer may not hold. A layer is data from elsewhere that becomes part of a system's root file system: nothing in
 * it may reach outside the directory that it is put into, or pretend to be what the file system below makes itself.
 */
import { BLOCK_DEVICE, CHAR_DEVICE, HARD_LINK } from '../run/layer/entry.ts';
import type { LayerEntry } from './tar-parser.ts';

/** Bytes of a path; that of the kernel (limits.h, PATH_MAX). */
const MAX_PATH = 4096;

/** Bytes of a name within a directory (limits.h, NAME_MAX). */
const MAX_NAME = 255;

function pathFault(path: string): string | undefined {
  if (path.startsWith('/')) return 'is an absolute path';
  if (path.includes('\0')) return 'holds a zero byte';
  const parts = path.split('/');
  if (parts.includes('..')) return 'leads upwards with ..';
  if (Buffer.byteLength(path) > MAX_PATH) return 'is longer than a path can be';
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME)) return 'has a name longer than one can be';
  return undefined;
}

function isDevice({ type }: LayerEntry): boolean {
  return type === CHAR_DEVICE || type === BLOCK_DEVICE;
}

function deviceFault({ path, major, minor }: LayerEntry): string | undefined {
  if (major === 0 && minor === 0) return 'is the device 0/0, which hides files in an overlay';
  if (!path.split('/').slice(0, -1).includes('dev')) return 'is a device outside a directory dev';
  return undefined;
}

/** What is wrong with an entry, as the end of a sentence that begins with its name; undefined if nothing. */
export function entryFault(entry: LayerEntry): string | undefined {
  const { raw, xattrs } = entry;
  // umoci writes the root directory itself as `/`.
  const path = raw.name === '/' ? undefined : pathFault(raw.name);
  if (path !== undefined) return path;
  if (entry.type === HARD_LINK) {
    const link = pathFault(raw.link);
    if (link !== undefined || entry.link === '')
      return `is a hard link to ${JSON.stringify(raw.link)}, which ${link ?? 'is no file'}`;
  }
  if (raw.link.includes('\0')) return 'is a link whose target holds a zero byte';
  if (isDevice(entry)) return deviceFault(entry);
  for (const name of xattrs.keys()) {
    if (/^(?:trusted|user)\.overlay\./.test(name))
      return `has the attribute ${name}, which redirects an overlay`;
  }
  return undefined;
}

/** Bytes that a layer may unpack to whatever its size; beyond, it may not be a hundred times as large as it came. */
const FREE_UNPACKED = 1 << 30;
const MAX_RATIO = 100;

/** More entries than any system has: each costs memory. */
const MAX_ENTRIES = 5_000_000;

/** Whether a layer unpacks to so much that it must be meant to. */
export function isBomb(unpacked: number, packed: number, entries: number): boolean {
  return entries > MAX_ENTRIES || (unpacked > FREE_UNPACKED && unpacked > packed * MAX_RATIO);
}
