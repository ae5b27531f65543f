/** What debugfs has to do to make one tree of another. */
import type { FileFacts, Listing } from '../diff/types.ts';
import { OsmithError } from '../errors.ts';
import { encodeName } from '../run/layer/name.ts';
import { parseAttributes } from './facts.ts';

/** File types as inodes have them. */
const TYPE_BITS: Record<string, number> = {
  ...{ pipe: 0o010000, 'character device': 0o020000, directory: 0o040000, 'block device': 0o060000 },
  ...{ file: 0o100000, symlink: 0o120000 },
};

export interface Delta {
  removed: string[];
  /** New and changed, parents first. */
  made: string[];
  /** Whose mode, owner or attributes alone are others. */
  changed: string[];
}

function bytewise(a: string, b: string): number {
  return Buffer.compare(encodeName(a), encodeName(b));
}

function sameContent(a: FileFacts, b: FileFacts): boolean {
  return a.type === b.type && a.digest === b.digest && a.detail === b.detail && a.names === b.names;
}

function sameFacts(a: FileFacts, b: FileFacts): boolean {
  const mode = a.type === 'symlink' || a.mode === b.mode;
  return mode && a.owner === b.owner && a.attributes === b.attributes;
}

export function deltaOf(from: Listing, to: Listing): Delta {
  const kept = (path: string, a: FileFacts) => {
    const b = to.get(path);
    return b !== undefined && (a.type === 'directory' ? b.type === 'directory' : sameContent(a, b));
  };
  const removed = [...from].filter(([path, facts]) => !kept(path, facts)).map(([path]) => path);
  const gone = new Set(removed);
  const made = [...to.keys()].filter((path) => !from.has(path) || gone.has(path));
  const fresh = new Set(made);
  const changed = [...to].filter(([path, facts]) => !fresh.has(path) && !sameFacts(from.get(path)!, facts));
  return {
    removed: removed.sort(bytewise).reverse(),
    made: made.sort(bytewise),
    changed: changed.map(([path]) => path).sort(bytewise),
  };
}

/** A word of a command: debugfs knows quotes, and reads line by line. */
function word(text: string): Buffer {
  if (/[\n\r\0]/.test(text)) {
    throw new OsmithError(
      'E_LIVE',
      `${JSON.stringify(text)} cannot be written in place: it has a line break in it`,
      {
        hint: 'Build without --live-update',
      },
    );
  }
  return encodeName(`"${text.replaceAll('"', '""')}"`);
}

function command(name: string, ...words: (string | Buffer)[]): Buffer {
  return Buffer.concat([
    Buffer.from(name),
    ...words.flatMap((each) => [Buffer.from(' '), typeof each === 'string' ? Buffer.from(each) : each]),
    Buffer.from('\n'),
  ]);
}

export interface Script {
  commands: Buffer;
  /** Values of attributes by the name of the file that they are to be in. */
  values: Map<string, Buffer>;
}

export interface ScriptInputs {
  from: Listing;
  to: Listing;
  /** In which file the content of a path is. */
  content: (path: string) => string;
  /** Directory with the values of attributes. */
  values: string;
  /** Seconds since the Unix epoch. */
  time: (path: string) => number;
}

/** Commands that make the changes of a delta. Throws E_LIVE for names that debugfs cannot be told. */
export function script(delta: Delta, { from, to, content, values, time }: ScriptInputs): Script {
  const lines: Buffer[] = [];
  const made: Script['values'] = new Map();
  const add = (name: string, ...words: (string | Buffer)[]) => void lines.push(command(name, ...words));
  const full = (path: string) => word(`/${path}`);
  const parent = (path: string) => path.slice(0, Math.max(path.lastIndexOf('/'), 0));
  const base = (path: string) => path.slice(path.lastIndexOf('/') + 1);

  function setAttributes(path: string, old: FileFacts | undefined, facts: FileFacts): void {
    const [before, after] = [
      old === undefined ? new Map<string, Buffer>() : parseAttributes(old.attributes ?? ''),
      parseAttributes(facts.attributes ?? ''),
    ];
    for (const name of before.keys()) if (!after.has(name)) add('ea_rm', full(path), word(name));
    for (const [name, value] of after) {
      if (before.get(name)?.equals(value) === true) continue;
      const file = `${values}/value${made.size}`;
      made.set(file, value);
      add('ea_set', '-f', word(file), full(path), word(name));
    }
  }

  function setOwn(path: string, facts: FileFacts): void {
    const [uid, gid] = facts.owner!.split(':') as [string, string];
    const mode = TYPE_BITS[facts.type]! | (facts.type === 'symlink' ? 0o777 : facts.mode!);
    add('set_inode_field', full(path), 'mode', `0${mode.toString(8)}`);
    add('set_inode_field', full(path), 'uid', uid);
    add('set_inode_field', full(path), 'gid', gid);
  }

  for (const path of delta.removed) add(from.get(path)!.type === 'directory' ? 'rmdir' : 'rm', full(path));
  const firsts = new Map<string, { path: string; count: number }>();
  for (const path of delta.made) {
    const facts = to.get(path)!;
    const first = facts.names === '' || facts.names === undefined ? undefined : firsts.get(facts.names);
    add('cd', full(parent(path)));
    if (first !== undefined) {
      first.count += 1;
      add('link', full(first.path), word(base(path)));
      continue;
    }
    if (facts.names) firsts.set(facts.names, { path, count: 1 });
    const numbers = (facts.detail ?? '').split(', ');
    if (facts.type === 'directory') add('mkdir', word(base(path)));
    else if (facts.type === 'symlink') add('symlink', word(base(path)), word(facts.detail!));
    else if (facts.type === 'file') add('write', word(content(path)), word(base(path)));
    else if (facts.type === 'pipe') add('mknod', word(base(path)), 'p');
    else add('mknod', word(base(path)), facts.type === 'block device' ? 'b' : 'c', ...numbers);
    setOwn(path, facts);
    setAttributes(path, undefined, facts);
    add('set_inode_field', full(path), 'mtime', `@${time(path)}`);
  }
  for (const { path, count } of firsts.values())
    add('set_inode_field', full(path), 'links_count', String(count));
  for (const path of delta.changed) {
    const facts = to.get(path)!;
    setOwn(path, facts);
    setAttributes(path, from.get(path), facts);
  }
  return { commands: Buffer.concat(lines), values: made };
}
