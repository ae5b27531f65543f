/** Copies chosen files out of a tree. */
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OsmithError } from '../errors.ts';
import { FILE, HARD_LINK } from '../run/layer/entry.ts';
import type { StepContext, Tree } from '../steps/types.ts';
import { readTar } from './tar-reader.ts';

type Source = Pick<StepContext<unknown>, 'flatten' | 'work'>;

/** A regular file of a tree; for a hard link, where its content lies. */
export interface TreeFile {
  path: string;
  /** The path under which the tar carries the content. */
  content: string;
  size: number;
}

/** All regular files that match, in bytewise order of their paths. */
export async function findFiles(
  context: Source,
  tree: Tree,
  matches: (path: string) => boolean,
): Promise<TreeFile[]> {
  const sizes = new Map<string, number>();
  const found: TreeFile[] = [];
  for await (const { entry } of readTar(context.flatten(tree, matches))) {
    if (entry.type === FILE) sizes.set(entry.path, entry.size);
    if (entry.type !== FILE && entry.type !== HARD_LINK) continue;
    const content = entry.type === HARD_LINK ? entry.link : entry.path;
    found.push({ path: entry.path, content, size: sizes.get(content) ?? 0 });
  }
  return found.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

/** Writes file contents below the work directory: path in the tree (as `content`) to path below `work`. */
export async function copyFiles(context: Source, tree: Tree, targets: Map<string, string>): Promise<void> {
  const missing = new Set(targets.keys());
  for await (const { entry, body } of readTar(context.flatten(tree, (path) => targets.has(path)))) {
    const target = entry.type === FILE ? targets.get(entry.path) : undefined;
    if (target === undefined) continue;
    const path = join(context.work, target);
    await mkdir(dirname(path), { recursive: true });
    await pipeline(Readable.from(body(), { objectMode: false }), createWriteStream(path));
    missing.delete(entry.path);
    if (missing.size === 0) return;
  }
  const [first] = missing;
  if (first !== undefined) throw new OsmithError('E_STEP', `The tree has no file /${first}`);
}
