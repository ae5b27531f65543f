/** Finds the entries of a layer tar without reading its contents. */
import { closeSync, openSync, readSync } from 'node:fs';
import { parseHeader, parsePax, padded, type Entry } from './entry.ts';

export interface IndexedEntry extends Entry {
  /** Where the content begins in the file. */
  offset: number;
}

const BLOCK = 512;

/** Reads through a file with a window, since most reads are of neighbouring blocks. */
function windowReader(fd: number): (at: number, length: number) => Buffer {
  const window = Buffer.alloc(1 << 16);
  let start = 0;
  let filled = 0;
  return (at, length) => {
    if (length > window.length) {
      const big = Buffer.alloc(length);
      return big.subarray(0, readSync(fd, big, 0, length, at));
    }
    if (at < start || at + length > start + filled) {
      start = at;
      filled = readSync(fd, window, 0, window.length, at);
    }
    return Buffer.from(window.subarray(at - start, Math.min(at - start + length, filled)));
  };
}

/** All entries of a tar file in their order. Throws on truncated or foreign data. */
export function indexTar(file: string): IndexedEntry[] {
  const fd = openSync(file, 'r');
  try {
    const read = windowReader(fd);
    const entries: IndexedEntry[] = [];
    let pax = new Map<string, Buffer>();
    for (let at = 0; ;) {
      const header = read(at, BLOCK);
      if (header.length < BLOCK) throw new Error(`truncated tar: ${file}`);
      if (header[0] === 0 && header[257] === 0) return entries; // two zero blocks end the archive
      const flag = String.fromCharCode(header[156]!);
      const size = parseInt(header.toString('latin1', 124, 136).replace(/\0.*/, '').trim() || '0', 8);
      if (flag === 'x' || flag === 'L' || flag === 'K') {
        const data = read(at + BLOCK, size);
        if (data.length < size) throw new Error(`truncated tar: ${file}`);
        if (flag === 'x') pax = new Map([...pax, ...parsePax(data)]);
        else pax.set(flag === 'L' ? 'path' : 'linkpath', data.subarray(0, data.indexOf(0)));
        at += BLOCK + padded(size);
        continue;
      }
      if (flag === 'g') {
        at += BLOCK + padded(size);
        continue;
      }
      const entry = parseHeader(header, pax);
      entries.push({ ...entry, offset: at + BLOCK });
      at += BLOCK + padded(entry.size);
      pax = new Map();
    }
  } finally {
    closeSync(fd);
  }
}
