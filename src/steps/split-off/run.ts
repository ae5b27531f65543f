/** Takes directories of a system out of its tree, for a second disk. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { seededUuid } from '../../disk/ids.ts';
import { directoriesOf } from '../../disk/mtools.ts';
import { readTar } from '../../disk/tar-reader.ts';
import { OsmithError } from '../../errors.ts';
import { DIRECTORY, encodeHeader, HARD_LINK, type Entry } from '../../run/layer/entry.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({
  /** Where the tree has the directory above `/var`. */
  root: z.string(),
  /** As the running system knows them, such as `/var/lib/flatpak`. */
  directories: z.array(z.string().startsWith('/var/')).min(1),
});
type Params = z.infer<typeof params>;

function directory(path: string, mtime: number): Buffer {
  const owner = { mode: 0o755, uid: 0, gid: 0, size: 0, mtime, link: '', major: 0, minor: 0 };
  return encodeHeader({ path, type: DIRECTORY, ...owner, xattrs: new Map<string, Buffer>() });
}

function notOne(path: string): OsmithError {
  return new OsmithError('E_CONFIG', `${path}, which is to be on the second disk, is no directory`, {
    about: path,
    hint: 'Name a directory of the system’s /var, such as /var/lib/flatpak',
  });
}

/** The directories and what is below them, at their paths in the running system. */
async function* taken(context: StepContext<Params>): AsyncGenerator<Buffer> {
  const { root, directories } = context.params;
  const wanted = directories.map((path) => `${root}${path}`);
  const select = (path: string) => wanted.some((each) => path === each || path.startsWith(`${each}/`));
  const outside = (path: string) => path.slice(root.length + 1);
  yield directory('', context.epoch);
  for (const parent of directoriesOf(directories.map((path) => path.slice(1)))) {
    yield directory(parent, context.epoch);
  }
  const absent = new Set(directories);
  for await (const { entry, body } of readTar(context.flatten(context.tree('root'), select))) {
    if (!select(entry.path)) continue;
    const link = entry.type === HARD_LINK ? outside(entry.link) : entry.link;
    const moved: Entry = { ...entry, path: outside(entry.path), link };
    if (absent.delete(`/${moved.path}`) && entry.type !== DIRECTORY) throw notOne(`/${moved.path}`);
    yield encodeHeader(moved);
    yield* body(true);
  }
  // Most of /var is made by the running system.
  for (const path of absent) {
    context.warn(`The system has no ${path} yet: the second disk gets an empty one`);
    yield directory(path.slice(1), context.epoch);
  }
  yield Buffer.alloc(1024);
}

export default defineStep<Params>({
  kind: 'split-off',
  summary: ({ directories }) => `Take ${directories.join(', ')} out for the second disk`,
  params,
  async run(context) {
    const content = Readable.from(taken(context), { objectMode: false });
    await pipeline(content, createWriteStream(join(context.work, 'extra.tar')));
    const uuid = seededUuid(context.seed, 'extra');
    return { trees: { tree: await context.importTar('extra.tar') }, facts: { uuid } };
  },
});
