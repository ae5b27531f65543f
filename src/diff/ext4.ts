/** What debugfs tells of an ext4 file system: modes, owners and devices, which it does not all unpack. */
import type { Listing } from './types.ts';

/** A path as a word of debugfs' commands. */
function quoted(path: string): string {
  return `"/${path.replaceAll('"', '""')}"`;
}

/** Commands that list the directories. */
export function listCommands(directories: readonly string[]): string {
  return directories.map((path) => `ls -p ${quoted(path)}\n`).join('');
}

const TYPES: Record<number, 'character device' | 'block device' | 'pipe' | 'socket'> = {
  ...{ 0o010000: 'pipe', 0o020000: 'character device', 0o060000: 'block device', 0o140000: 'socket' },
};

/** Puts what is printed for such commands into the listing. Returns the devices, whose numbers are still unknown. */
export function readLists(
  output: string,
  directories: readonly string[],
  prefix: string,
  listing: Listing,
): string[] {
  const devices: string[] = [];
  let index = -1;
  for (const line of output.split('\n')) {
    if (line.startsWith('debugfs: ls -p ')) index += 1;
    const [, inode, mode, uid, gid, name] = /^\/(\d+)\/(\d+)\/(\d+)\/(\d+)\/(.*?)\/\d*\/$/u.exec(line) ?? [];
    if (name === undefined || inode === '0' || name === '.' || name === '..') continue;
    const directory = directories[index]!;
    const path = directory === '' ? name : `${directory}/${name}`;
    const bits = parseInt(mode!, 8);
    const type = TYPES[bits & 0o170000];
    const own = { mode: bits & 0o7777, owner: `${uid}:${gid}` };
    const facts = listing.get(prefix + path);
    if (facts !== undefined) Object.assign(facts, own);
    else if (type !== undefined) listing.set(prefix + path, { type, ...own });
    if (type?.endsWith('device') === true) devices.push(path);
  }
  return devices;
}

export function statCommands(devices: readonly string[]): string {
  return devices.map((path) => `stat ${quoted(path)}\n`).join('');
}

/** The numbers of devices, in the order of such commands. */
export function readNumbers(output: string): string[] {
  const found = output.matchAll(/^Device major\/minor number: (\d+):(\d+)/gmu);
  return [...found].map(([, major, minor]) => `${Number(major)}, ${Number(minor)}`);
}
