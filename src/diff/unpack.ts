/** Programs that take files out of file systems that lie at a place in a file. Inputs are only read. */
import type { FileSystem } from './sniff.ts';

/** Unpacks all of it below a directory that exists and is empty. `except`: what cannot be made there. */
export function unpackArgv(
  kind: FileSystem,
  file: string,
  at: number,
  into: string,
  except: readonly string[] = [],
): string[] {
  switch (kind) {
    case 'squashfs':
      // Options end where the excluded names begin.
      return [
        ...['unsquashfs', '-quiet', '-no-progress', '-no-xattrs', '-offset', String(at), '-force'],
        ...['-dest', into, ...(except.length > 0 ? ['-excludes', file, ...except] : [file])],
      ];
    case 'erofs':
      return erofsArgv(file, at, into, '--preserve');
    case 'ext4':
      return ['debugfs', '-R', `rdump / ${into}`, ext4Image(file, at)];
    case 'fat':
      return ['mcopy', '-s', '-n', '-Q', '-i', `${file}@@${at}`, '::*', into];
  }
}

/** `what` of modes and owners is kept: a change of owner takes the set-id bits of a mode away. */
export function erofsArgv(
  file: string,
  at: number,
  into: string,
  ...what: ('--preserve' | '--preserve-perms' | '--no-preserve-owner')[]
): string[] {
  const offset = at === 0 ? [] : [`--offset=${at}`];
  return ['fsck.erofs', ...offset, `--extract=${into}`, '--overwrite', ...what, file];
}

function ext4Image(file: string, at: number): string {
  return at === 0 ? file : `${file}?offset=${at}`;
}

/** Runs the commands of a file, for reading only. */
export function debugfsArgv(file: string, at: number, script: string): string[] {
  return ['debugfs', '-f', script, ext4Image(file, at)];
}

/** Lists a squashfs with modes, numeric owners and device numbers. */
export function squashfsListArgv(file: string, at: number): string[] {
  return ['unsquashfs', '-quiet', '-lln', '-offset', String(at), '-dest', '', file];
}

export interface Device {
  path: string;
  type: 'character device' | 'block device';
  mode: number;
  owner: string;
  detail: string;
}

const LETTERS = 'rwxrwxrwx';

function modeOf(text: string): number {
  return [...LETTERS].reduce((mode, letter, index) => mode * 2 + (text[index] === letter ? 1 : 0), 0);
}

/** The devices of such a listing. */
export function parseDevices(listing: string): Device[] {
  return listing.split('\n').flatMap((line): Device[] => {
    const match = /^([cb])([rwxsStT-]{9}) (\d+)\/(\d+)\s+(\d+),\s*(\d+) \S+ \S+ \/?(.*)$/u.exec(line);
    if (match === null) return [];
    const [, letter, mode, uid, gid, major, minor, path] = match as unknown as string[];
    return [
      {
        path: path!,
        type: letter === 'c' ? 'character device' : 'block device',
        ...{ mode: modeOf(mode!), owner: `${uid}:${gid}`, detail: `${major}, ${minor}` },
      },
    ];
  });
}
