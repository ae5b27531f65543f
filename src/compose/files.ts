/** The section `files`: files, directories and links that no image brings. */
import { OsmithError } from '../errors.ts';
import type { Composition } from './composition.ts';
import { numericId } from './ids.ts';
import type { Content, Item } from './items.ts';
import { metadata } from './metadata.ts';
import type { FileEntry } from './schema.ts';
import { whereOf } from './yaml.ts';

/** Contents of `source:` files by their name as written; undefined for one that is optional and not there. */
export type FileSources = ReadonlyMap<string, Content | undefined>;

function fault(file: FileEntry, key: string, message: string, hint: string): OsmithError {
  return new OsmithError('E_COMPOSE', message, { where: whereOf(file, key), hint });
}

const ONE_CONTENT = 'Give exactly one of contents, source, metadata, symlink, or directory: true';

/** Throws E_COMPOSE unless exactly one thing says what the file is. */
function checkKind(file: FileEntry): void {
  const { path, directory, symlink, contents, source, metadata: kind } = file;
  if (directory && contents !== undefined) {
    throw fault(file, 'contents', 'directory with contents not allowed', ONE_CONTENT);
  }
  if (directory && symlink)
    throw fault(file, 'symlink', `specified directory and symlink: ${path}`, ONE_CONTENT);
  const given = contents !== undefined || symlink || directory;
  if (given && kind)
    throw fault(file, 'metadata', `specified Contents and Metadata for file: ${path}`, ONE_CONTENT);
  if (given && source)
    throw fault(file, 'source', `specified Contents and Source for file: ${path}`, ONE_CONTENT);
  if (symlink && contents !== undefined) {
    throw fault(file, 'contents', `specified symlink and Contents for file: ${path}`, ONE_CONTENT);
  }
  if (given) return;
  if (!source && !kind) throw fault(file, 'path', `contents of file (${path}) not specified`, ONE_CONTENT);
  if (source && kind)
    throw fault(file, 'source', `specified Source and Metadata for file: ${path}`, ONE_CONTENT);
  if (kind && kind !== 'yaml' && kind !== 'json') {
    throw fault(file, 'metadata', `unsupported metadata type: ${kind}`, 'Write yaml or json');
  }
}

function checkedPath(file: FileEntry): string {
  const path = (file.path ?? '').replace(/^\//, '').replace(/\/+$/, '');
  if (path === '') throw fault(file, 'path', 'did not specify path for file', 'Give it a path');
  const parts = path.split('/');
  if (parts.includes('..') || path.includes('\0')) {
    throw fault(file, 'path', `${path} leads out of the system`, 'Write a path without ..');
  }
  return parts.filter((part) => part !== '' && part !== '.').join('/');
}

function modeOf(file: FileEntry): number {
  const { mode, directory } = file;
  if (mode === undefined || mode === '') return directory ? 0o700 : 0o600;
  if (/^[0-7]{1,5}$/.test(mode)) return parseInt(mode, 8);
  throw fault(
    file,
    'mode',
    `cannot parse file mode as octal value: ${JSON.stringify(mode)}`,
    'Write octal digits between quotes, such as mode: "0644"',
  );
}

/** Whoever may read or write a file may enter the directories that lead to it. */
function directoryMode(mode: number): number {
  const enter = [0o700, 0o070, 0o007].map((bits) => ((mode & bits) === 0 ? 0 : bits & 0o111));
  return enter.reduce((all, bits) => all | bits, mode);
}

function contentOf(file: FileEntry, composition: Composition, sources: FileSources): Content | undefined {
  if (file.contents !== undefined) return { text: file.contents };
  if (file.source) return sources.get(file.source);
  return { text: metadata(composition, file.metadata as 'yaml' | 'json') };
}

/** Checks every entry without reading anything: what is wrong is told before images are fetched. */
export function checkFiles(files: readonly FileEntry[]): void {
  for (const file of files) {
    checkedPath(file);
    checkKind(file);
    modeOf(file);
  }
}

/** Entries for all files, each with the directories that lead to it unless an earlier file brought them. */
export function fileItems(
  composition: Composition,
  ids: ReadonlyMap<string, number>,
  sources: FileSources,
): Item[] {
  const added = new Set<string>();
  return composition.files.flatMap((file, i): Item[] => {
    const path = checkedPath(file);
    checkKind(file);
    const mode = modeOf(file);
    const owner = {
      uid: numericId(file.uid, ids, whereOf(file, 'uid')),
      gid: numericId(file.gid, ids, whereOf(file, 'gid')),
    };
    const origin = { source: 'linuxkit.files', location: `files[${i}]` };
    const content = file.directory || file.symlink ? undefined : contentOf(file, composition, sources);
    if (content === undefined && !file.directory && !file.symlink) return [];
    const parts = path.split('/').slice(0, -1);
    const parents = parts.map((_, n) => parts.slice(0, n + 1).join('/')).filter((dir) => !added.has(dir));
    for (const dir of [...parents, path]) added.add(dir);
    const common = { ...owner, ...origin };
    const leading = parents.map((dir): Item => {
      return { kind: 'directory', path: dir, mode: directoryMode(mode), ...common };
    });
    if (file.directory) return [...leading, { kind: 'directory', path, mode, ...common }];
    if (file.symlink) return [...leading, { kind: 'symlink', path, mode, link: file.symlink, ...common }];
    return [...leading, { kind: 'file', path, mode, content: content!, ...common }];
  });
}
