/** Extended attributes as ext4 file systems hold them. */
import { OsmithError } from '../errors.ts';

/** What a place with attributes begins with. */
export const XATTR_MAGIC = 0xea020000;

const PREFIXES: Record<number, string> = {
  ...{ 0: '', 1: 'user.', 2: 'system.posix_acl_access', 3: 'system.posix_acl_default' },
  ...{ 4: 'trusted.', 6: 'security.', 7: 'system.' },
};

/** Of a file system that cannot be read, or not be understood. */
export function unreadable(why: string): OsmithError {
  return new OsmithError('E_NO_IMAGE', `The ext4 file system cannot be read: ${why}`, {
    hint: 'Build the image again, without --live-update',
  });
}

/** `entries`: first entry; `values`: what offsets of values count from. */
export function readAttributes(
  area: Buffer,
  entries: number,
  values: number,
  into: Map<string, Buffer>,
): void {
  for (let at = entries; area.readUInt32LE(at) !== 0;) {
    const length = area[at]!;
    const name = (PREFIXES[area[at + 1]!] ?? '?') + area.toString('utf8', at + 16, at + 16 + length);
    if (area.readUInt32LE(at + 4) !== 0) throw unreadable('an attribute is too large');
    const value = values + area.readUInt16LE(at + 2);
    into.set(name, area.subarray(value, value + area.readUInt32LE(at + 8)));
    at += (16 + length + 3) & ~3;
  }
}
