/** Whether somebody uses an image: by flock(2), or as QEMU locks images, by open file description locks. */
import { readFile, stat } from 'node:fs/promises';
import { OsmithError } from '../errors.ts';
import { lockFile, type Lock } from '../run/lock.ts';

/** QEMU locks single bytes from here on (block/file-posix.c). */
const QEMU_FIRST = 100;

/** Inodes that are locked like that, of what /proc/locks says. */
export function qemuLocked(locks: string): Set<string> {
  const found = locks.matchAll(/^\d+: (?:-> )?OFDLCK +\S+ +\S+ -?\d+ [0-9a-f]+:[0-9a-f]+:(\d+) (\d+) /gm);
  return new Set([...found].filter(([, , start]) => Number(start) >= QEMU_FIRST).map(([, inode]) => inode!));
}

function inUse(file: string, who: string): OsmithError {
  return new OsmithError('E_LIVE', `${file} is in use: ${who}`, {
    hint: 'Switch the machine off, and try again',
  });
}

/** Throws E_LIVE if a virtual machine runs from it. */
export async function checkNoMachine(file: string): Promise<void> {
  const { ino } = await stat(file, { bigint: true });
  const locked = qemuLocked(await readFile('/proc/locks', 'utf8').catch(() => ''));
  if (locked.has(String(ino))) throw inUse(file, 'a virtual machine runs from it');
}

/** Keeps others away that lock it, too. Throws E_LIVE if somebody has it. */
export async function holdImage(file: string): Promise<Lock> {
  await checkNoMachine(file);
  const lock = await lockFile(file, { wait: false });
  if (lock === undefined) throw inUse(file, 'another process has locked it');
  return lock;
}
