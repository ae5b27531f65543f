/** Puts the contents of new files where a program can read them. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Item } from '../compose/items.ts';
import { listingSink } from '../compose/listing.ts';
import { blobPath, type Store } from '../run/store.ts';
import type { WantedTree } from './tree.ts';

/** `paths`: those whose contents are needed. In which file each is. */
export async function writeContents(
  paths: readonly string[],
  { sources, listing }: WantedTree,
  { store, dir, signal }: { store: Store; dir: string; signal: AbortSignal },
): Promise<(path: string) => string> {
  const files = new Map<string, string>();
  const fromItems = new Map<Item, Map<string, string>>();
  for (const path of paths) {
    const digest = listing.get(path)!.digest!;
    if (files.has(digest)) continue;
    const file = join(dir, `content${files.size}`);
    const source = sources.get(path)!;
    if ('text' in source) await writeFile(file, source.text);
    if ('item' in source) {
      const wanted = fromItems.get(source.item) ?? new Map<string, string>();
      fromItems.set(source.item, wanted.set(source.path, file));
    }
    files.set(digest, 'blob' in source ? blobPath(store, source.blob) : file);
  }
  for (const [item, wanted] of fromItems) await extract(item, wanted, store, signal);
  return (path) => files.get(listing.get(path)!.digest!)!;
}

/** Walks through an image again, for a few of its files. */
async function extract(
  item: Item,
  wanted: ReadonlyMap<string, string>,
  store: Store,
  signal: AbortSignal,
): Promise<void> {
  let open: number | undefined;
  const close = () => {
    if (open !== undefined) closeSync(open);
    open = undefined;
  };
  const listing = listingSink((path) => {
    const file = wanted.get(path);
    if (file === undefined) return undefined;
    open = openSync(file, 'w');
    return (piece) => void writeSync(open!, piece);
  });
  const sink: typeof listing = {
    ...listing,
    header: (header) => {
      close();
      listing.header(header);
    },
  };
  const blob = (digest: string) => blobPath(store, digest);
  // What changes is mostly written in the description itself.
  const { Writer } = await import('../compose/write.ts');
  try {
    await new Writer(sink, { blob, signal, progress: () => {} }).write(item);
  } finally {
    close();
  }
}
