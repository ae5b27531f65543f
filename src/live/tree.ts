/** The tree that a clean build would make, as a listing, and where the contents of its files are. */
import { createHash } from 'node:crypto';
import { MADE_TIME, madeHeader } from '../compose/image-files.ts';
import type { Item } from '../compose/items.ts';
import { listingSink, type Listed } from '../compose/listing.ts';
import type { FileFacts, FileType, Listing } from '../diff/types.ts';
import { DIRECTORY, FILE, HARD_LINK, SYMLINK } from '../run/layer/entry.ts';
import { unpackedParts } from '../steps/compose-root/run.ts';
import type { ListedText } from '../steps/compose-list/run.ts';
import { attributesText, namesText } from './facts.ts';

/** Where a file's content is. */
export type Source =
  | { text: Buffer }
  /** Digest of a blob in the store. */
  | { blob: string }
  /** The path in what an item makes. */
  | { item: Item; path: string };

export interface WantedTree {
  listing: Listing;
  /** Of files, by path. */
  sources: Map<string, Source>;
  /** Seconds since the Unix epoch, by path. */
  times: Map<string, number>;
}

export type Part = { item: Item; list?: readonly ListedText[] };

const TYPES: Record<string, FileType> = {
  ...{ 0: 'file', 2: 'symlink', 3: 'character device', 4: 'block device', 5: 'directory', 6: 'pipe' },
};

/** An item that is no image, as the tar has it. */
function listItem(item: Item): { entry: Listed; source: Source } {
  const sink = listingSink();
  if (item.kind === 'directory') sink.header(madeHeader({ ...attributes(item), type: DIRECTORY }, item));
  else if (item.kind === 'symlink')
    sink.header(madeHeader({ ...attributes(item), type: SYMLINK, link: item.link }, item));
  else if (item.kind === 'file') {
    const { content } = item;
    const text = 'text' in content ? Buffer.from(content.text) : undefined;
    const size = 'text' in content ? text!.length : content.size;
    sink.header(madeHeader({ ...attributes(item), type: FILE, size }, item));
    const entry = sink.end()[0]!;
    if ('text' in content) {
      const digest = createHash('sha256').update(text!).digest('hex');
      return { entry: { ...entry, digest }, source: { text: text! } };
    }
    return { entry: { ...entry, digest: content.blob }, source: { blob: content.blob } };
  } else throw new TypeError(`an item ${item.kind} has no place in a live update`);
  return { entry: sink.end()[0]!, source: { text: Buffer.alloc(0) } };
}

function attributes({ path, mode, uid, gid }: { path: string; mode: number; uid: number; gid: number }) {
  return { path, mode, uid, gid };
}

/** All entries in the order of the tar, with what each came from. */
function entriesOf(parts: readonly Part[]): { entry: Listed; source: Source }[] {
  return parts.flatMap(({ item, list }) => {
    if (list === undefined) return [listItem(item)];
    return list.map(({ text, ...entry }) => {
      const source: Source =
        text === undefined ? { item, path: entry.path } : { text: Buffer.from(text, 'base64') };
      return { entry, source };
    });
  });
}

/** Facts of an entry that is no hard link. */
function factsOf(
  entry: Omit<Listed, 'xattrs' | 'digest'>,
  digest: string,
  xattrs: Record<string, string>,
): FileFacts {
  const type = TYPES[entry.type]!;
  const values = Object.entries(xattrs).map(([name, value]): [string, Buffer] => [
    name,
    Buffer.from(value, 'base64'),
  ]);
  const isDevice = type === 'character device' || type === 'block device';
  return {
    ...{ type, mode: type === 'symlink' ? 0o777 : entry.mode, owner: `${entry.uid}:${entry.gid}` },
    ...(type === 'file' && { size: entry.size, digest }),
    ...(type === 'symlink' && { detail: entry.link }),
    ...(isDevice && { detail: `${entry.major}, ${entry.minor}` }),
    ...{ attributes: attributesText(new Map(values)), names: '' },
  };
}

/** What file systems are made of: each path once, as `compose-root` lays them out. */
export function wantedTree(parts: readonly Part[]): WantedTree {
  const all = entriesOf(parts);
  // The place in the list stands for the place in the tar.
  const indexed = all.map(({ entry }, offset) => ({ ...entry, xattrs: new Map<string, Buffer>(), offset }));
  const listing: Listing = new Map();
  const tree: WantedTree = { listing, sources: new Map(), times: new Map() };
  const names = new Map<string, string[]>();
  listing.set('', { type: 'directory', mode: 0o755, owner: '0:0', attributes: '', names: '' });
  for (const { entry, offset } of unpackedParts('', indexed)) {
    const { path, type, link } = entry;
    if (type === HARD_LINK) {
      listing.set(path, listing.get(link)!);
      tree.sources.set(path, tree.sources.get(link)!);
      tree.times.set(path, tree.times.get(link) ?? MADE_TIME);
      names.set(link, [...(names.get(link) ?? [link]), path]);
      continue;
    }
    const made = offset ?? (entry as unknown as { offset?: number }).offset;
    const from = made === undefined ? undefined : all[made]!;
    listing.set(path, factsOf(entry, from?.entry.digest ?? '', from?.entry.xattrs ?? {}));
    tree.times.set(path, entry.mtime);
    if (type === FILE) tree.sources.set(path, from!.source);
  }
  for (const [first, paths] of names) listing.get(first)!.names = namesText(paths);
  return tree;
}
