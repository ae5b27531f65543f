/** A composed tar as the tree that it unpacks to: what programs need that make file systems. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { MADE_TIME } from '../../compose/image-files.ts';
import { partsFact, sizesOfParts } from '../../disk/size-limit.ts';
import type { Json } from '../../plan/types.ts';
import { DIRECTORY, FILE, HARD_LINK } from '../../run/layer/entry.ts';
import { indexTar, type IndexedEntry } from '../../run/layer/index.ts';
import { tarStream, type Part } from '../../run/layer/stream.ts';
import { dirname } from '../../run/layer/whiteout.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({});

/** A directory that leads to something and has no entry of its own. */
function madeDirectory(path: string): Part['entry'] {
  const plain = { mode: 0o755, uid: 0, gid: 0, size: 0, mtime: MADE_TIME, link: '', major: 0, minor: 0 };
  return { path, type: DIRECTORY, ...plain, xattrs: new Map() };
}

/**
 * The tar's entries with each path once, as the last that it has; directories first, each before what is in it. A hard
 * link stands for what its target was when the link came by: where that is replaced later, the link has the content.
 */
export function unpackedParts(tar: string, entries: readonly IndexedEntry[]): Part[] {
  const last = new Map(entries.map((entry, i) => [entry.path, i]));
  const directories = new Map<string, Part['entry']>();
  const rest: Part[] = [];
  /** The newest file at a path, as the tar goes by. */
  const current = new Map<string, IndexedEntry>();
  /** Files whose content moved to a link, by where it begins. */
  const moved = new Map<number, string>();
  entries.forEach((entry, i) => {
    const { path, type, link } = entry;
    const target = type === HARD_LINK ? current.get(link) : undefined;
    if (type === FILE) current.set(path, entry);
    else if (target !== undefined) current.set(path, target);
    if (last.get(path) !== i || path === '') return;
    for (let dir = dirname(path); dir !== '' && !directories.has(dir); dir = dirname(dir)) {
      directories.set(dir, madeDirectory(dir));
    }
    if (type === DIRECTORY) directories.set(path, entry);
    else if (target === undefined)
      rest.push({ entry, ...(type === FILE && { file: tar, offset: entry.offset }) });
    else if (entries[last.get(target.path)!] === target)
      rest.push({ entry: { ...entry, link: target.path } });
    else {
      const first = moved.get(target.offset);
      if (first !== undefined) rest.push({ entry: { ...entry, link: first } });
      else {
        moved.set(target.offset, path);
        rest.push({ entry: { ...target, path }, file: tar, offset: target.offset });
      }
    }
  });
  const sorted = [...directories.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return [...sorted.map((path): Part => ({ entry: directories.get(path)! })), ...rest];
}

/** What those want to know who make something of the tree. */
function factsOf(parts: readonly Part[]): Record<string, Json> {
  const sizes = sizesOfParts();
  let kernelVersion: string | undefined;
  for (const { path, size } of parts.map(({ entry }) => entry)) {
    sizes.add(path, size);
    kernelVersion ??= /^(?:usr\/)?lib\/modules\/([^/]+)\/modules\.dep$/.exec(path)?.[1];
  }
  return { ...partsFact(sizes.largest()), ...(kernelVersion && { kernelVersion }) };
}

export default defineStep<z.infer<typeof params>>({
  kind: 'compose-root',
  summary: () => 'Lay out the composed system as a tree',
  params,
  async run(context) {
    const tar = context.path('tar');
    const parts = unpackedParts(tar, indexTar(tar));
    await pipeline(tarStream(parts), createWriteStream(join(context.work, 'root.tar')));
    return { trees: { tree: await context.importTar('root.tar') }, facts: factsOf(parts) };
  },
});
