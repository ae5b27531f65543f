/** The files in which apk keeps what is installed, read from a tree and written into it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyFiles, findFiles } from '../../disk/tree-files.ts';
import { encodeHeader, FILE, padded } from '../../run/layer/entry.ts';
import type { StepContext, Tree } from '../../steps/types.ts';
import { formatDatabase, parseDatabase, type InstalledRecord } from './database.ts';
import { tarEntries } from './tar.ts';
import { formatTriggers, parseTriggers, type Watcher } from './triggers.ts';

/** A script of an installed package. */
export interface Script {
  /** `NAME-VERSION.CHECKSUM.KIND` */
  name: string;
  content: Buffer;
  /** Seconds since the Unix epoch. */
  date: number;
}

export interface State {
  records: InstalledRecord[];
  scripts: Script[];
  watchers: Watcher[];
  /** What was asked for by name. */
  world: string[];
}

/** /lib may be a link. */
const FILES = /^(?:usr\/)?lib\/apk\/db\/(installed|scripts\.tar|triggers)$|^etc\/apk\/(world)$/;

export async function readState(context: StepContext<unknown>, tree: Tree): Promise<State> {
  const found = await findFiles(context, tree, (path) => FILES.test(path));
  const nameOf = (path: string) => FILES.exec(path)!.slice(1).find(Boolean)!;
  const copies = found.map(({ path, content }) => [content, join('state', nameOf(path))] as const);
  await copyFiles(context, tree, new Map(copies));
  const read = (name: string) =>
    copies.some(([, copy]) => copy === join('state', name))
      ? readFile(join(context.work, 'state', name))
      : Promise.resolve(Buffer.alloc(0));
  const scripts = [...tarEntries(await read('scripts.tar'))];
  return {
    records: parseDatabase((await read('installed')).toString('utf8')),
    scripts: scripts.map(({ entry, body }) => ({
      ...{ name: entry.path, content: body, date: entry.mtime },
    })),
    watchers: parseTriggers((await read('triggers')).toString('utf8')),
    world: (await read('world')).toString('utf8').split('\n').filter(Boolean),
  };
}

interface Member {
  path: string;
  mode: number;
  mtime: number;
  content: Buffer | string;
}

const ROOT = { uname: Buffer.from('root'), gname: Buffer.from('root') };

/** A tar archive of files of root's. */
function archive(members: readonly Member[]): Buffer {
  const parts = members.flatMap(({ path, mode, mtime, content }) => {
    const data = Buffer.from(content as string);
    const entry = {
      type: FILE,
      uid: 0,
      gid: 0,
      link: '',
      major: 0,
      minor: 0,
      xattrs: new Map<string, Buffer>(),
    } as const;
    const head = encodeHeader({ ...entry, ...ROOT, path, mode, mtime, size: data.length });
    return [head, data, Buffer.alloc(padded(data.length) - data.length)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

const UNPACK = [
  'tar',
  '-x',
  '-f',
  '/work/state.tar',
  '-C',
  '/tree',
  '--numeric-owner',
  '--keep-directory-symlink',
];

/** `more`: further files, by path. */
export async function writeState(
  context: StepContext<unknown>,
  tree: Tree,
  { records, scripts, watchers, world }: State,
  more: Record<string, string>,
): Promise<void> {
  const packed = archive(
    scripts.map(({ name, content, date }) => ({ path: name, mode: 0o755, mtime: date, content })),
  );
  const files: Record<string, Buffer | string> = {
    'lib/apk/db/installed': formatDatabase(records),
    'lib/apk/db/scripts.tar': packed,
    'lib/apk/db/triggers': formatTriggers(watchers),
    'etc/apk/world': [...new Set(world)]
      .sort()
      .map((word) => `${word}\n`)
      .join(''),
    ...more,
  };
  const members = Object.entries(files).map(([path, content]) => ({
    ...{ path, content, mode: 0o644, mtime: context.epoch },
  }));
  await writeFile(join(context.work, 'state.tar'), archive(members));
  await context.exec({ argv: UNPACK, trees: { '/tree': { tree, writable: true } } });
}
