/** The lock file: what tags and references stood for, a line each. `osmith lock --update` alone writes it. */
import { readFile } from 'node:fs/promises';
import { OsmithError, type Where } from '../errors.ts';
import type { Reference } from '../oci/reference.ts';
import { writeAtomic } from '../run/store.ts';

export interface LockEntry {
  /** `tag NAME`, `image REFERENCE ARCH`; of a mirror `base PACKAGE ARCH` or `extra PACKAGE ARCH`. */
  key: string;
  /** A reference, or a digest. */
  value: string;
}

export interface LockFile {
  file: string;
  /** Values with their lines, by key. */
  entries: Map<string, { value: string; line: number }>;
}

const HEADER =
  '# What tags and references stand for. Written by `osmith lock --update` and by nothing else.\n';

/** Beside the template or composition: `rootfs.lock` for `rootfs.yml.in` and for `rootfs.yml`. */
export function lockFileOf(file: string): string {
  return `${file.replace(/(?:\.ya?ml)?(?:\.in)?$/, '')}.lock`;
}

const LINE =
  /^(?:tag [A-Z][A-Z0-9_]* \S+|image \S+ [a-z0-9]+ sha256:[0-9a-f]{64}|(?:base|extra) \S+ [a-z0-9]+ \S+@sha256:[0-9a-f]{64})$/;

/** Reads a lock file; undefined if there is none. Throws E_DRIFT for one that was written by hand. */
export async function readLock(file: string): Promise<LockFile | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const entries: LockFile['entries'] = new Map();
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const space = line.lastIndexOf(' ');
    const key = line.slice(0, space);
    if (!LINE.test(line) || entries.has(key)) {
      throw new OsmithError('E_DRIFT', `This is no line of a lock file: ${line}`, {
        where: { file, line: index + 1 },
        hint: 'Solve what git could not merge, or write the file anew with osmith lock --update',
      });
    }
    entries.set(key, { value: line.slice(space + 1), line: index + 1 });
  }
  return { file, entries };
}

export async function writeLock(file: string, entries: readonly LockEntry[]): Promise<void> {
  const lines = entries.map(({ key, value }) => `${key} ${value}\n`);
  await writeAtomic(file, HEADER + lines.sort().join(''));
}

export function tagKey(name: string): string {
  return `tag ${name}`;
}

export function imageKey({ full }: Pick<Reference, 'full'>, arch: string): string {
  return `image ${full} ${arch}`;
}

function missing({ file }: LockFile, key: string, where?: Where): OsmithError {
  return new OsmithError('E_DRIFT', `${file} has no entry for ${key}`, {
    where: where ?? { file },
    hint: `Add it: osmith lock FILE --update ${key.split(' ')[1]}`,
  });
}

/** Differences between what is and what the file records. */
export function lockFaults(lock: LockFile, entries: readonly LockEntry[]): OsmithError[] {
  return entries.flatMap(({ key, value }) => {
    const known = lock.entries.get(key);
    if (known === undefined) return [missing(lock, key)];
    if (known.value === value) return [];
    return [
      new OsmithError('E_DRIFT', `${key} is ${value} now, and ${known.value} in the lock file`, {
        where: { file: lock.file, line: known.line },
        hint: `If that is wanted: osmith lock FILE --update ${key.split(' ')[1]}`,
      }),
    ];
  });
}

/** Throws E_DRIFT with all differences. */
export function checkLock(lock: LockFile, entries: readonly LockEntry[]): void {
  const [first, ...also] = lockFaults(lock, entries);
  if (first !== undefined) throw new OsmithError(first.code, first.message, { ...first.details, also });
}

/** Several files of one composition: the first that has an entry counts. */
export function joinedLocks(locks: readonly LockFile[]): LockFile {
  const entries = new Map(locks.toReversed().flatMap((lock) => [...lock.entries]));
  return { file: locks[0]!.file, entries };
}

/** The digests that a lock file records. Images by digest need no entry. */
export function pinBy(lock: LockFile) {
  return (reference: Reference, arch: string, where: Where | undefined): string | undefined => {
    if (reference.digest !== undefined) return undefined;
    const key = imageKey(reference, arch);
    const known = lock.entries.get(key);
    if (known === undefined) throw missing(lock, key, where);
    return known.value;
  };
}

/**
 * The entries after an update. `names` are tags or references to renew; none: all that were found, in place of all others of
 * these architectures. New entries are always added.
 */
export function updatedEntries(
  lock: LockFile | undefined,
  found: readonly LockEntry[],
  names: readonly string[],
): LockEntry[] {
  const old = [...(lock?.entries ?? [])].map(([key, { value }]) => ({ key, value }));
  const isNamed = ({ key }: LockEntry) => names.length === 0 || names.includes(key.split(' ')[1]!);
  const unknown = names.find((name) => !found.some(({ key }) => key.split(' ')[1] === name));
  if (unknown !== undefined) {
    throw new OsmithError('E_USAGE', `There is no tag or reference ${unknown} to update`, {
      hint: `There are ${[...new Set(found.map(({ key }) => key.split(' ')[1]!))].join(' ')}`,
    });
  }
  const known = new Set(old.map(({ key }) => key));
  const renewed = found.filter((entry) => isNamed(entry) || !known.has(entry.key));
  const keys = new Set(renewed.map(({ key }) => key));
  return [...old.filter(({ key }) => !keys.has(key)), ...renewed];
}
