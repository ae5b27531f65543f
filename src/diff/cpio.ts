/** Archives for the first root file system, as Linux reads them: newc archives, one after the other, some compressed. */
import { MODE_TYPES, unreadable } from './archives.ts';
import { Collector } from './collect.ts';
import { ungzip, unzstd, type Unpacked } from './packed.ts';
import type { FileFacts, Listing } from './types.ts';

const HEADER = 110;

export function isCpio(head: Buffer): boolean {
  return /^07070[12]$/u.test(head.toString('latin1', 0, 6));
}

interface Member {
  name: string;
  facts: FileFacts;
  /** Names with the same number are the same file; undefined if there is one name. */
  group: string | undefined;
  content: Buffer;
  end: number;
}

function align(at: number): number {
  return (at + 3) & ~3;
}

function readMember(file: string, data: Buffer, at: number): Member {
  const field = (index: number) =>
    parseInt(data.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
  const [mode, size] = [field(1), field(6)];
  const nameEnd = at + HEADER + field(11);
  const body = align(nameEnd);
  if (!(body + size <= data.length)) throw unreadable(file, 'a cpio archive', 'it is cut off');
  const name = data.toString('utf8', at + HEADER, nameEnd - 1);
  const type = MODE_TYPES[mode & 0o170000];
  if (type === undefined && name !== 'TRAILER!!!')
    throw unreadable(file, 'a cpio archive', `${name} has no type`);
  const facts: FileFacts = {
    ...{ type: type ?? 'file', mode: mode & 0o7777, owner: `${field(2)}:${field(3)}` },
  };
  const content = data.subarray(body, body + size);
  if (type === 'symlink') facts.detail = content.toString();
  if (type?.endsWith('device') === true) facts.detail = `${field(9)}, ${field(10)}`;
  const group = field(4) > 1 && type === 'file' ? `${field(0)} ${field(7)} ${field(8)}` : undefined;
  return { name, facts, group, content, end: align(body + size) };
}

/** One archive up to its trailer; where it ends. */
function readArchive(file: string, data: Buffer, start: number, collector: Collector): number {
  let at = start;
  // Of several names, the last one carries the content.
  const waiting = new Map<string, { path: string; facts: FileFacts }[]>();
  const add = (path: string, facts: FileFacts, content: Buffer) => {
    collector.file(path, { ...facts, size: content.length });
    if (content.length > 0) collector.data(content);
  };
  while (isCpio(data.subarray(at, at + 6))) {
    const { name, facts, group, content, end } = readMember(file, data, at);
    at = end;
    if (name === 'TRAILER!!!') break;
    const path = name
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .join('/');
    if (facts.type !== 'file') collector.add(path, facts);
    else if (group !== undefined && content.length === 0)
      waiting.set(group, [...(waiting.get(group) ?? []), { path, facts }]);
    else {
      add(path, facts, content);
      for (const other of waiting.get(group ?? '') ?? []) collector.link(other.path, path);
      waiting.delete(group ?? '');
    }
  }
  for (const { path, facts } of [...waiting.values()].flat()) add(path, facts, Buffer.alloc(0));
  return at;
}

/** What is packed at a place, and how much of it that is; undefined for what is not known. */
function unpackAt(file: string, rest: Buffer): Unpacked | undefined {
  try {
    if (rest.readUInt16BE(0) === 0x1f8b) return ungzip(rest);
    return rest.readUInt32LE(0) === 0xfd2fb528 ? unzstd(rest) : undefined;
  } catch (error) {
    throw unreadable(file, 'a packed cpio archive', (error as Error).message);
  }
}

/** `unxz` unpacks a part that is packed by xz, which only programs can. */
export async function listInitrd(
  file: string,
  data: Buffer,
  unxz: (part: Buffer) => Promise<Buffer>,
): Promise<Listing> {
  const collector = new Collector();
  const read = async (part: Buffer): Promise<void> => {
    for (let at = 0; at < part.length;) {
      if (part[at] === 0) at += 1;
      else if (isCpio(part.subarray(at, at + 6))) at = readArchive(file, part, at, collector);
      else if (part.length - at < 6) throw unreadable(file, 'a cpio archive', 'something follows it');
      else if (part.toString('latin1', at + 1, at + 5) === '7zXZ') {
        await read(await unxz(part.subarray(at)));
        return;
      } else {
        const packed = unpackAt(file, part.subarray(at));
        if (packed === undefined)
          throw unreadable(file, 'a cpio archive', `at ${at} stands something that Osmith does not know`);
        await read(packed.content);
        at += packed.length;
      }
    }
  };
  await read(data);
  return collector.end();
}
