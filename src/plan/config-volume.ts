/** The step that makes the volume with a system's configuration, out of a directory of the workspace. */
import { readdirSync, statSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';
import type { Config } from '../config/index.ts';
import { roundUp, SECTOR } from '../disk/layout.ts';
import { directoriesOf } from '../disk/mtools.ts';
import { mebibytes } from '../disk/size-limit.ts';
import { OsmithError } from '../errors.ts';
import { sourceInput } from './source.ts';
import type { Input } from './types.ts';

interface ConfigFile {
  /** Path on the volume. */
  path: string;
  /** On this machine. */
  file: string;
  size: number;
}

/** Sectors of a cluster, and of the root directory, as mkfs.vfat has them for volumes that small. */
const CLUSTER = 4;
const ROOT = 32;

/** Bytes that files and directories can take: FAT12 has one and a half bytes a cluster, twice. */
export function capacity(size: number): number {
  const sectors = size / SECTOR;
  const fat = Math.ceil(((sectors / CLUSTER) * 1.5) / SECTOR);
  return Math.floor((sectors - 1 - 2 * fat - ROOT) / CLUSTER) * CLUSTER * SECTOR;
}

/** Bytes of an entry of a directory. */
const ENTRY = 32;
/** Entries of the root directory, but for those that the label and the marker take. */
const ROOT_NAMES = (ROOT * SECTOR) / ENTRY - 1 - 9;

/** Entries that a name takes: one of the kind 8.3, and 13 characters in each further one if that does not hold it. */
function entriesOf(name: string): number {
  return /^(?:[a-z\d_-]{1,8}|[A-Z\d_-]{1,8})(?:\.(?:[a-z\d]{1,3}|[A-Z\d]{1,3}))?$/.test(name)
    ? 1
    : 1 + Math.ceil(name.length / 13);
}

/** Directories to the number of entries that they need. */
function entries(files: readonly string[]): Map<string, number> {
  const paths = new Set([...directoriesOf(files), ...files]);
  const needed = new Map<string, number>();
  for (const path of paths) {
    const directory = posix.dirname(path);
    needed.set(directory, (needed.get(directory) ?? 0) + entriesOf(posix.basename(path)));
  }
  return needed;
}

/** Bytes of all directories but the root, which has a place of its own. Each also names itself and the one above. */
function directorySizes(needed: ReadonlyMap<string, number>): number[] {
  return [...needed].flatMap(([directory, count]) => (directory === '.' ? [] : [(count + 2) * ENTRY]));
}

/** Names that every system reads that mounts FAT. */
function nameFault(name: string): string | undefined {
  if (!/^[\x20-\x7e]+$/.test(name)) return 'it has characters that are not ASCII';
  if (/["*/:<>?\\|]/.test(name)) return 'it has one of " * / : < > ? \\ |';
  if (/[. ]$/.test(name)) return 'it ends with a dot or a blank';
  if (/^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(name)) return 'it is the name of a device';
  return name.length > 100 ? 'it is longer than 100 characters' : undefined;
}

function badName(file: string, why: string): OsmithError {
  return new OsmithError('E_CONFIG', `${file} cannot lie on the configuration volume: ${why}`, {
    where: { file },
    hint: 'Give the file a name that FAT can hold and that is not there yet',
  });
}

function noFile(file: string): OsmithError {
  return new OsmithError('E_CONFIG', `${file} cannot lie on the configuration volume: it is no file`, {
    where: { file },
    hint: 'Take it away: files, directories, and links to them can lie there',
  });
}

/** All files below a directory, links followed, in bytewise order. */
function filesBelow(directory: string, prefix = ''): ConfigFile[] {
  const names = readdirSync(directory).sort();
  const seen = new Set<string>();
  return names.flatMap((name): ConfigFile[] => {
    const file = join(directory, name);
    const fault =
      nameFault(name) ?? (seen.has(name.toLowerCase()) ? 'another differs in case only' : undefined);
    if (fault !== undefined) throw badName(file, fault);
    seen.add(name.toLowerCase());
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isDirectory()) return filesBelow(file, `${prefix}${name}/`);
    if (found?.isFile() !== true) throw noFile(file);
    return [{ path: prefix + name, file, size: found.size }];
  });
}

/** Files for the volume, as the step that writes them takes them. */
export interface ConfigFiles {
  /** Path on the volume to the input that has the content. */
  files: Record<string, string>;
  inputs: Record<string, Input>;
}

/** The files that compose.config names, without those that builds write. Throws E_CONFIG or E_TOO_LARGE. */
export function configVolume(config: Config, size: number): ConfigFiles {
  const directory = config.get('compose', 'config');
  const full = resolve(config.workspace, directory);
  const where = config.where('compose', 'config');
  if (statSync(full, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new OsmithError('E_CONFIG', `compose.config is no directory: ${directory}`, {
      where,
      hint: 'Name a directory of the workspace; an empty one will do',
    });
  }
  const taken = readdirSync(full).find((name) => /^origin\.\d{4}-/i.test(name));
  if (taken !== undefined) throw badName(join(full, taken), 'builds write a file of such a name');
  return configFiles(config.workspace, directory, size);
}

/** All files of a directory. Throws E_CONFIG or E_TOO_LARGE for what cannot be on a volume of `size` bytes. */
export function configFiles(workspace: string, directory: string, size: number): ConfigFiles {
  const found = filesBelow(resolve(workspace, directory));
  const names = entries(found.map(({ path }) => path));
  if ((names.get('.') ?? 0) > ROOT_NAMES) {
    throw new OsmithError(
      'E_TOO_LARGE',
      `${directory} has more names than a configuration volume has room for`,
      {
        where: { file: resolve(workspace, directory) },
        hint: 'Put files into directories of it: their number is limited in the root of the volume only',
      },
    );
  }
  const taken = [...found.map(({ size: bytes }) => bytes), ...directorySizes(names)];
  const needed = taken.reduce((sum, bytes) => sum + roundUp(bytes, CLUSTER * SECTOR), 0);
  const room = capacity(size);
  if (needed > room) {
    const largest = found.toSorted((a, b) => b.size - a.size)[0]!;
    const what = `${directory} needs ${needed} bytes on the configuration volume, which has room for ${room}`;
    throw new OsmithError('E_TOO_LARGE', `${what}; largest: ${largest.path} ${mebibytes(largest.size)}`, {
      where: { file: largest.file },
      hint: 'Take files away, or choose a layout with a larger volume: image.layout',
    });
  }
  const named = found.map(({ path, file }, index) => ({ path, input: `conf/${index}`, file }));
  return {
    files: Object.fromEntries(named.map(({ path, input }) => [path, input])),
    inputs: Object.fromEntries(named.map(({ input, file }) => [input, sourceInput(workspace, file)])),
  };
}
