/**
 * Deletions in layers. In a layer tar as OCI writes them (image-spec, layer.md): an empty file `.wh.NAME`, and
 * `.wh..wh..opq` for a directory that hides all below it. In overlayfs (Documentation/filesystems/overlayfs.rst):
 * a character device 0/0, and the attribute `user.overlay.opaque`.
 */
import { CHAR_DEVICE, DIRECTORY, FILE, type Entry } from './entry.ts';

const PREFIX = '.wh.';
const OPAQUE = '.wh..wh..opq';
const OVERLAY = 'user.overlay.';

export function dirname(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

export function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function join(dir: string, name: string): string {
  return dir === '' ? name : `${dir}/${name}`;
}

export function isOpaqueMarker(entry: Entry): boolean {
  return basename(entry.path) === OPAQUE;
}

/** The path that a whiteout entry deletes. */
export function whiteoutTarget(entry: Entry): string | undefined {
  const name = basename(entry.path);
  if (!name.startsWith(PREFIX) || name === OPAQUE) return undefined;
  return join(dirname(entry.path), name.slice(PREFIX.length));
}

const BLANK = { uid: 0, gid: 0, size: 0, link: '', major: 0, minor: 0, mtime: 0 };

/** An entry of an overlay's upper directory as entries of a layer. */
export function fromOverlay<E extends Entry>(entry: E): Entry[] {
  if (entry.type === CHAR_DEVICE && entry.major === 0 && entry.minor === 0) {
    const path = join(dirname(entry.path), PREFIX + basename(entry.path));
    return [{ ...BLANK, path, type: FILE, mode: 0, xattrs: new Map() }];
  }
  const opaque = entry.xattrs.get(`${OVERLAY}opaque`)?.toString() === 'y';
  const xattrs = new Map([...entry.xattrs].filter(([name]) => !name.startsWith(OVERLAY)));
  const clean = { ...entry, xattrs };
  if (entry.type !== DIRECTORY || !opaque) return [clean];
  const marker = {
    ...BLANK,
    path: join(entry.path, OPAQUE),
    type: FILE,
    mode: 0,
    xattrs: new Map(),
  } as Entry;
  return [clean, marker];
}

/** Entries of a layer as an overlay's lower directory wants them; `opaque` holds the paths of opaque directories. */
export function toOverlay(entry: Entry, opaque: ReadonlySet<string>): Entry | undefined {
  if (isOpaqueMarker(entry)) return undefined;
  const target = whiteoutTarget(entry);
  if (target !== undefined) return { ...entry, path: target, type: CHAR_DEVICE, major: 0, minor: 0 };
  if (!opaque.has(entry.path)) return entry;
  return { ...entry, xattrs: new Map([...entry.xattrs, [`${OVERLAY}opaque`, Buffer.from('y')]]) };
}
