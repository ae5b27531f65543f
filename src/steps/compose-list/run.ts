/** Lists what an image, or the bills of all images, put into a composed system, without writing any of it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { item, type Item } from '../../compose/items.ts';
import { listingSink, type Listed } from '../../compose/listing.ts';
import type { HeaderSink } from '../../compose/tar-sink.ts';
import { Writer } from '../../compose/write.ts';
import { blobPath } from '../../run/store.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  items: z.array(item),
  /** Bills and databases of packages only, with their texts: what the images before them are needed for. */
  bills: z.boolean().default(false),
});

/** An entry, and of bills the text. */
export type ListedText = Listed & { text?: string };

/** For what is read, but not listed. */
const nothing: HeaderSink = { header: () => {}, data: () => {}, drain: () => undefined };

export default defineStep<{ items: Item[]; bills: boolean }>({
  kind: 'compose-list',
  summary: ({ items, bills }) =>
    bills ? 'List the packages of all images' : `List the files of ${nameOf(items)}`,
  params,
  async run(context) {
    const { items, bills } = context.params;
    const texts = new Map<string, Buffer[]>();
    const keep = (path: string) => {
      const pieces: Buffer[] = [];
      texts.set(path, pieces);
      return (piece: Buffer) => void pieces.push(Buffer.from(piece));
    };
    let sink: HeaderSink = nothing;
    const current: HeaderSink = {
      header: (header) => sink.header(header),
      data: (piece) => sink.data(piece),
      drain: () => undefined,
    };
    const writer = new Writer(current, {
      blob: (digest) => blobPath({ dir: context.store }, digest),
      signal: context.signal,
      progress: (text) => context.progress(text),
    });
    const listed: ListedText[] = [];
    for (const each of items) {
      context.signal.throwIfAborted();
      const isBill = each.kind === 'packages' || each.kind === 'sbom';
      const listing = bills && !isBill ? undefined : listingSink(isBill ? keep : undefined);
      sink = listing ?? nothing;
      await writer.write(each);
      if (listing !== undefined) listed.push(...listing.end());
    }
    for (const entry of listed) {
      const pieces = texts.get(entry.path);
      if (pieces !== undefined) entry.text = Buffer.concat(pieces).toString('base64');
    }
    await writeFile(join(context.work, 'list'), JSON.stringify(listed));
    return { files: { list: 'list' } };
  },
});

function nameOf(items: readonly Item[]): string {
  const named = items.find((each) => 'source' in each);
  return named !== undefined && 'source' in named ? named.source : 'images';
}
