/**
 * Reads an ext4 file system at a place in a file: all of its tree, with contents as digests. By itself, not by
 * debugfs: it takes as long as hashing, and tells attributes and names of one file, too. (Linux' documentation,
 * filesystems/ext4.)
 */
import { createHash, hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { MODE_TYPES } from '../diff/archives.ts';
import type { FileFacts, Listing } from '../diff/types.ts';
import { decodeName } from '../run/layer/name.ts';
import { readAttributes, unreadable, XATTR_MAGIC } from './ext4-attributes.ts';
import { attributesText, namesText } from './facts.ts';

const ROOT_INODE = 2;
/** Features without which nothing is read here: file types, recovery, extents, 64 bit, flexible groups, checksum seed. */
const KNOWN_FEATURES = 0x2 | 0x4 | 0x40 | 0x80 | 0x200 | 0x2000;
const RECOVER = 0x4;
const EXTENTS = 0x80000;

export interface Superblock {
  uuid: string;
  /** Bytes. */
  blockSize: number;
  /** Bytes of all of it. */
  size: number;
  freeBlocks: number;
  /** How many there can be. */
  inodes: number;
  /** It was mounted and not unmounted since: what is in its journal counts. */
  needsRecovery: boolean;
}

export interface Tree {
  listing: Listing;
  /** What lacks the digest of its content, by inode. */
  files: Map<number, FileFacts>;
}

interface Inode {
  mode: number;
  uid: number;
  gid: number;
  size: number;
  links: number;
  flags: number;
  data: Buffer;
  raw: Buffer;
  attributeBlock: number;
}

export class Ext4 {
  readonly #fd: number;
  readonly #at: number;
  readonly #super: Buffer;
  readonly #tables = new Map<number, Buffer>();
  readonly #piece = Buffer.allocUnsafe(1 << 20);

  constructor(fd: number, at: number) {
    this.#fd = fd;
    this.#at = at;
    this.#super = this.#read(1024, 1024);
    if (this.#super.readUInt16LE(56) !== 0xef53) throw unreadable('it is none');
    const unknown = this.#super.readUInt32LE(96) & ~KNOWN_FEATURES;
    if (unknown !== 0) throw unreadable(`it has features that are not known here (${unknown.toString(16)})`);
  }

  get about(): Superblock {
    const sb = this.#super;
    return {
      uuid: sb.toString('hex', 104, 120).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
      blockSize: this.#block,
      inodes: sb.readUInt32LE(0),
      freeBlocks: sb.readUInt32LE(12),
      size: sb.readUInt32LE(4) * this.#block,
      needsRecovery: (sb.readUInt32LE(96) & RECOVER) !== 0,
    };
  }

  get #block(): number {
    return 1024 << this.#super.readUInt32LE(24);
  }

  #read(at: number, length: number): Buffer {
    const buffer = Buffer.alloc(length);
    if (readSync(this.#fd, buffer, 0, length, this.#at + at) < length) throw unreadable('it ends too early');
    return buffer;
  }

  #inode(number: number): Inode {
    const sb = this.#super;
    const perGroup = sb.readUInt32LE(40);
    const size = sb.readUInt16LE(88);
    const group = Math.floor((number - 1) / perGroup);
    let table = this.#tables.get(group);
    if (table === undefined) {
      const wide = (sb.readUInt32LE(96) & 0x80) !== 0;
      const length = wide ? sb.readUInt16LE(254) : 32;
      const at = (sb.readUInt32LE(20) + 1) * this.#block + group * length;
      const descriptor = this.#read(at, length);
      const first = descriptor.readUInt32LE(8) + (wide ? descriptor.readUInt32LE(0x28) * 2 ** 32 : 0);
      table = this.#read(first * this.#block, perGroup * size);
      this.#tables.set(group, table);
    }
    const at = ((number - 1) % perGroup) * size;
    const raw = table.subarray(at, at + size);
    return {
      mode: raw.readUInt16LE(0),
      uid: raw.readUInt16LE(2) + raw.readUInt16LE(120) * 65536,
      gid: raw.readUInt16LE(24) + raw.readUInt16LE(122) * 65536,
      size: raw.readUInt32LE(4) + raw.readUInt32LE(108) * 2 ** 32,
      links: raw.readUInt16LE(26),
      flags: raw.readUInt32LE(32),
      data: raw.subarray(40, 100),
      raw,
      attributeBlock: raw.readUInt32LE(104) + raw.readUInt16LE(118) * 2 ** 32,
    };
  }

  /** Runs of blocks: where in the file, where in the file system (undefined: zeros), how many. */
  #extents(node: Buffer): { from: number; to: number | undefined; count: number }[] {
    if (node.readUInt16LE(0) !== 0xf30a) throw unreadable('a file has no extents');
    const leaf = node.readUInt16LE(6) === 0;
    return Array.from({ length: node.readUInt16LE(2) }, (_, i) =>
      node.subarray(12 + i * 12, 24 + i * 12),
    ).flatMap((entry) => {
      if (!leaf) {
        const below = entry.readUInt32LE(4) + entry.readUInt16LE(8) * 2 ** 32;
        return this.#extents(this.#read(below * this.#block, this.#block));
      }
      const length = entry.readUInt16LE(4);
      const written = length <= 32768;
      const to = entry.readUInt32LE(8) + entry.readUInt16LE(6) * 2 ** 32;
      return [
        {
          from: entry.readUInt32LE(0),
          to: written ? to : undefined,
          count: written ? length : length - 32768,
        },
      ];
    });
  }

  /** The content of an inode, in pieces that are gone with the next. */
  *#content({ flags, data, size }: Inode): Generator<Buffer> {
    if (size === 0) return;
    if ((flags & EXTENTS) === 0) throw unreadable('a file has no extents');
    let done = 0;
    const zeros = function* (until: number): Generator<Buffer> {
      while (done < until) {
        const length = Math.min(until - done, 1 << 20);
        done += length;
        yield Buffer.alloc(length);
      }
    };
    for (const { from, to, count } of this.#extents(data)) {
      yield* zeros(Math.min(from * this.#block, size));
      const end = Math.min((from + count) * this.#block, size);
      if (to === undefined) yield* zeros(end);
      let at = this.#at + (to ?? 0) * this.#block;
      while (done < end) {
        const length = Math.min(end - done, this.#piece.length);
        if (readSync(this.#fd, this.#piece, 0, length, at) < length) throw unreadable('it ends too early');
        at += length;
        done += length;
        yield this.#piece.subarray(0, length);
      }
    }
    yield* zeros(size);
  }

  /** SHA-256 of what a file with this inode holds. */
  digest(number: number): string {
    const inode = this.#inode(number);
    if (inode.size > this.#piece.length) {
      const whole = createHash('sha256');
      for (const piece of this.#content(inode)) whole.update(piece);
      return whole.digest('hex');
    }
    return hash('sha256', this.#small(inode));
  }

  /** The content of a file that a piece holds: most are such, and making a generator of each takes its time. */
  #small({ flags, data, size }: Inode): Buffer {
    const content = this.#piece.subarray(0, size);
    if (size === 0) return content;
    if ((flags & EXTENTS) === 0) throw unreadable('a file has no extents');
    content.fill(0);
    for (const { from, to, count } of this.#extents(data)) {
      const at = from * this.#block;
      const length = Math.min(count * this.#block, size - at);
      if (to === undefined || length <= 0) continue;
      if (readSync(this.#fd, content, at, length, this.#at + to * this.#block) < length)
        throw unreadable('it ends too early');
    }
    return content;
  }

  #whole(inode: Inode): Buffer {
    const all: Buffer[] = [];
    for (const piece of this.#content(inode)) all.push(Buffer.from(piece));
    return Buffer.concat(all);
  }

  #attributesOf({ raw, attributeBlock }: Inode): Map<string, Buffer> {
    const found = new Map<string, Buffer>();
    const at = 128 + (raw.length > 128 ? raw.readUInt16LE(128) : 0);
    if (at + 8 <= raw.length && raw.readUInt32LE(at) === XATTR_MAGIC)
      readAttributes(raw, at + 4, at + 4, found);
    if (attributeBlock !== 0) {
      const block = this.#read(attributeBlock * this.#block, this.#block);
      if (block.readUInt32LE(0) !== XATTR_MAGIC) throw unreadable('a block of attributes is none');
      readAttributes(block, 32, 0, found);
    }
    return found;
  }

  /** Names in a directory and their inodes. */
  #directory(inode: Inode): [name: string, inode: number][] {
    const block = inode.size > this.#piece.length ? this.#whole(inode) : this.#small(inode);
    const found: [string, number][] = [];
    for (let at = 0; at + 8 <= block.length;) {
      const number = block.readUInt32LE(at);
      const name = block.subarray(at + 8, at + 8 + block[at + 6]!);
      if (number !== 0 && name.length > 0 && !['.', '..'].includes(name.toString('latin1')))
        found.push([decodeName(name), number]);
      const length = block.readUInt16LE(at + 4);
      if (length < 8) throw unreadable('a directory is damaged');
      at += length;
    }
    return found;
  }

  #facts(inode: Inode): FileFacts {
    const type = MODE_TYPES[inode.mode & 0o170000];
    if (type === undefined) throw unreadable('an inode has no type');
    const facts: FileFacts = {
      ...{ type, mode: inode.mode & 0o7777, owner: `${inode.uid}:${inode.gid}` },
      ...{ attributes: attributesText(this.#attributesOf(inode)), names: '' },
    };
    if (type === 'file') {
      facts.size = inode.size;
    } else if (type === 'symlink') {
      const target = inode.size < 60 ? inode.data.subarray(0, inode.size) : this.#whole(inode);
      facts.detail = decodeName(target);
    } else if (type === 'character device' || type === 'block device') {
      const [old, wide] = [inode.data.readUInt32LE(0), inode.data.readUInt32LE(4)];
      facts.detail =
        old !== 0
          ? `${old >> 8}, ${old & 0xff}`
          : `${(wide >> 8) & 0xfff}, ${(wide & 0xff) | ((wide >>> 12) & 0xfff00)}`;
    }
    return facts;
  }

  /** All that is in it, with contents. */
  list(): Listing {
    const { listing, files } = this.tree();
    for (const [inode, facts] of files) facts.digest = this.digest(inode);
    return listing;
  }

  /**
   * All that is in it but `lost+found`, without contents; the root directory itself is the path ''. `onFile` is told each
   * inode of a file, once.
   */
  tree(onFile?: (inode: number) => void): Tree {
    const listing: Listing = new Map();
    const files: Tree['files'] = new Map();
    const byInode = new Map<number, { facts: FileFacts; paths: string[] }>();
    const walk = (path: string, number: number): void => {
      const known = byInode.get(number);
      if (known !== undefined) {
        if (known.facts.type === 'directory') throw unreadable('a directory has two names');
        known.paths.push(path);
        listing.set(path, known.facts);
        return;
      }
      const inode = this.#inode(number);
      const facts = this.#facts(inode);
      byInode.set(number, { facts, paths: [path] });
      listing.set(path, facts);
      if (facts.type === 'file') {
        files.set(number, facts);
        onFile?.(number);
      }
      if (facts.type !== 'directory') return;
      for (const [name, child] of this.#directory(inode)) {
        if (path === '' && name === 'lost+found') continue;
        walk(path === '' ? name : `${path}/${name}`, child);
      }
    };
    walk('', ROOT_INODE);
    for (const { facts, paths } of byInode.values()) facts.names = namesText(paths);
    return { listing, files };
  }
}
