/** Entries of tar archives in memory, which need not have an end: apk's are cut into several streams. */
import { padded, parseHeader, parsePax, rawNames, type Entry } from '../../run/layer/entry.ts';

const BLOCK = 512;

export interface TarEntry {
  entry: Entry;
  /** Names of the owner and the group, which count for more than the numbers. */
  uname: string;
  gname: string;
  /** Extended headers. */
  pax: ReadonlyMap<string, Buffer>;
  body: Buffer;
}

/** Throws an Error for what is cut off or malformed. */
export function* tarEntries(data: Buffer): Generator<TarEntry> {
  let pax = new Map<string, Buffer>();
  for (let at = 0; at < data.length;) {
    const block = data.subarray(at, at + BLOCK);
    if (block.length < BLOCK) throw new Error('the archive is cut off');
    if (block.every((byte) => byte === 0)) return;
    const flag = String.fromCharCode(block[156]!);
    const extended = 'xgLK'.includes(flag);
    const entry = extended ? undefined : parseHeader(block, pax);
    const size = entry?.size ?? parseInt(block.toString('latin1', 124, 136), 8);
    const body = data.subarray(at + BLOCK, at + BLOCK + size);
    if (body.length < size) throw new Error('the archive is cut off');
    at += BLOCK + padded(size);
    if (flag === 'x') pax = new Map([...pax, ...parsePax(body)]);
    if (flag === 'L' || flag === 'K')
      pax.set(flag === 'L' ? 'path' : 'linkpath', body.subarray(0, body.indexOf(0)));
    if (entry === undefined) continue;
    const { uname, gname } = rawNames(block, pax);
    yield { entry, uname, gname, pax, body };
    pax = new Map();
  }
}
