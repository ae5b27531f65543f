/** A tar that was composed before: files of images that are the same in it are copied instead of fetched and unpacked. */
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { uniqueName } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { entryFault } from '../oci/guard.ts';
import type { Puller } from '../oci/pull.ts';
import { TarParser, type LayerEntry } from '../oci/tar-parser.ts';
import { padded } from '../run/layer/entry.ts';
import { addBlob } from '../run/store.ts';
import { partId } from '../release/sbom/spdx.ts';
import { takenHeader, type Watch } from './image-files.ts';
import type { CopiedItem, Item } from './items.ts';
import type { HeaderSink } from './tar-sink.ts';

type Range = [number, number];

export interface InputTar {
  /** Digest of its blob in the store. */
  tar: string;
  /** Where entries are, by origin: neighbours are one range. */
  entries: Map<string, { path: string; range: Range }[]>;
  /** Digests of its images by their part of the bill of materials; empty if it has none. */
  digests: Map<string, string>;
}

function fault(file: string, message: string, cause?: unknown): OsmithError {
  return new OsmithError('E_COMPOSE', `${file} cannot be used as --input-tar: ${message}`, {
    hint: 'Name a tar that was composed before, or leave it out',
    cause,
  });
}

function originKey(source: string, location: string): string {
  return `${location}\0${source}`;
}

/** Copies the tar into the store and looks through it on the way. The content of `wanted` is returned. */
async function scan(file: string, wanted: string, puller: Puller) {
  const entries: InputTar['entries'] = new Map();
  const content: Buffer[] = [];
  let end = 0;
  const parser = new TarParser({
    entry(entry: LayerEntry, offset: number): boolean {
      const range: Range = [end, offset + padded(entry.size)];
      end = range[1];
      const [source, location] = ['source', 'location'].map((key) =>
        entry.records.get(`LINUXKIT.${key}`)?.toString('utf8'),
      );
      if (source !== undefined && location !== undefined) {
        const key = originKey(source, location);
        const list = entries.get(key) ?? [];
        if (list.length === 0) entries.set(key, list);
        list.push({ path: entry.path, range });
      }
      return entry.path === wanted;
    },
    data: (piece) => void content.push(Buffer.from(piece)),
  });
  const reading = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        parser.push(chunk);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  const copy = join(await puller.scratch(), uniqueName());
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), reading, createWriteStream(copy));
  parser.end();
  const { digest } = await addBlob(puller.store, copy);
  return { tar: digest, entries, content: Buffer.concat(content) };
}

function digestsOf(bill: Buffer): Map<string, string> {
  try {
    const { packages } = JSON.parse(bill.toString('utf8')) as { packages: Record<string, string>[] };
    return new Map(packages.map((each) => [each['SPDXID']!, each['versionInfo']!]));
  } catch {
    // None, or made by another program: it says nothing of digests that is known here.
    return new Map();
  }
}

/** `bill` is where its bill of materials would be. Throws E_COMPOSE for what is no composed tar. */
export async function openInputTar(file: string, bill: string, puller: Puller): Promise<InputTar> {
  let scanned: Awaited<ReturnType<typeof scan>>;
  try {
    scanned = await scan(file, bill, puller);
  } catch (cause) {
    throw fault(file, (cause as Error).message, cause);
  }
  const { tar, entries, content } = scanned;
  if (entries.size === 0) throw fault(file, 'nothing in it says which image it comes from');
  return { tar, entries, digests: digestsOf(content) };
}

function joined(ranges: readonly Range[]): Range[] {
  const all: Range[] = [];
  for (const [start, end] of ranges) {
    const last = all.at(-1);
    if (last?.[1] === start) last[1] = end;
    else all.push([start, end]);
  }
  return all;
}

/**
 * The items with what the old tar has in place of images. Everything else is made anew, so that what changed around an
 * image counts: its configuration, volumes, who unpacks it first. So is the kernel, of which the tar does not tell what
 * was done to it. `digests` are those of the images now, by name.
 */
export function reuse(items: readonly Item[], old: InputTar, digests: ReadonlyMap<string, string>): Item[] {
  return items.map((item): Item => {
    if (item.kind !== 'image') return item;
    const { source, location, prefix } = item;
    const known = old.digests.get(`SPDXRef-${partId({ name: source, prefix })}`);
    if (known !== undefined && known !== digests.get(source)) return item;
    const entries = old.entries.get(originKey(source, location)) ?? [];
    const ranges = entries.filter(({ path }) => path.startsWith(prefix)).map(({ range }) => range);
    if (ranges.length === 0) return item;
    return { kind: 'copied', prefix, tar: old.tar, ranges: joined(ranges), source, location };
  });
}

/** Writes the entries of an item. Throws E_IMAGE for such as no composition has. */
export async function copyEntries(
  item: CopiedItem,
  file: string,
  sink: HeaderSink,
  watch: Watch,
): Promise<void> {
  let watcher: ((piece: Buffer) => void) | undefined;
  const handler = {
    entry(entry: LayerEntry): boolean {
      const wrong = entryFault(entry);
      if (wrong !== undefined) {
        throw new OsmithError('E_IMAGE', `${JSON.stringify(entry.raw.name)} in the old tar ${wrong}`, {
          hint: 'Compose without --input-tar',
        });
      }
      sink.header(takenHeader(entry, '', item));
      watcher = watch(entry.path.slice(item.prefix.length));
      return true;
    },
    data(piece: Buffer): void {
      sink.data(piece);
      watcher?.(piece);
    },
  };
  for (const [start, end] of item.ranges) {
    const parser = new TarParser(handler);
    const range = createReadStream(file, { start, end: end - 1, highWaterMark: 1 << 20 });
    for await (const chunk of range as AsyncIterable<Buffer>) {
      parser.push(chunk);
      await sink.drain();
    }
    parser.end();
  }
}
