/** debugfs (e2fsprogs 1.47.2): changes a finished ext4 file system, which needs no mount and no root. */

/** A path without what debugfs takes for its own. */
const SAFE = /^\/[\w./+-]*$/;

/** FS_IMMUTABLE_FL of linux/fs.h. */
const IMMUTABLE = 0x10;

/** Runs the commands of a file. */
export function debugfsArgv(image: string, script: string): string[] {
  return ['debugfs', '-w', '-f', script, image];
}

/** Prints what an inode is. */
export function statArgv(image: string, path: string): string[] {
  return ['debugfs', '-R', `stat ${checked(path)}`, image];
}

/** The inode's flags, of what `stat` prints. */
export function parseFlags(stat: string): number {
  const flags = /\bFlags: (0x[0-9a-f]+)/.exec(stat)?.[1];
  if (flags === undefined) throw new TypeError(`debugfs says no flags: ${JSON.stringify(stat)}`);
  return Number(flags);
}

/** Command: nobody may change the directory, add to it or remove it until root takes the flag away. */
export function immutableCommand(path: string, flags: number): string {
  return `set_inode_field ${checked(path)} flags 0x${(flags | IMMUTABLE).toString(16)}`;
}

/** Command: an extended attribute. */
export function xattrCommand(path: string, name: string, value: string): string {
  return `ea_set ${checked(path)} ${name} ${checked(`/${value}`).slice(1)}`;
}

function checked(path: string): string {
  if (SAFE.test(path)) return path;
  throw new TypeError(`No path for debugfs: ${JSON.stringify(path)}`);
}
