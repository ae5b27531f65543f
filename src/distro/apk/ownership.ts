/** Which package has a file or a directory that several have (apk-package(5), `replaces`). */
import { OsmithError } from '../../errors.ts';
import type { Dependency } from './dependency.ts';
import { inRange } from './dependency.ts';
import type { InstalledDir, InstalledFile, InstalledRecord } from './database.ts';

type Names = Pick<
  InstalledRecord,
  'name' | 'version' | 'checksum' | 'origin' | 'replaces' | 'replacesPriority'
>;

/** How much a package wants to replace another; -1: not at all. */
function claim(one: Names, other: Names): number {
  const isMeant = (dependency: Dependency) =>
    dependency.name === other.name &&
    inRange(dependency, other.version, other.checksum) !== dependency.conflict;
  return one.replaces.some(isMeant) ? one.replacesPriority : -1;
}

/** Whether a newer package takes a file over; undefined: neither may have what the other has. */
export function takesFile(old: Names, fresh: Names): boolean | undefined {
  const [kept, taken] = [claim(old, fresh), claim(fresh, old)];
  if (kept > taken) return false;
  if (taken >= 0) return true;
  return old.origin !== '' && old.origin === fresh.origin ? true : undefined;
}

/** Whether a newer package says who owns a directory, and its mode. */
function takesDirectory(old: Names, fresh: Names): boolean {
  if (old.replacesPriority !== fresh.replacesPriority) return fresh.replacesPriority > old.replacesPriority;
  if (old.origin !== '' && old.origin === fresh.origin) {
    if (old.name === old.origin) return false;
    if (fresh.name === fresh.origin) return true;
  }
  return fresh.name < old.name;
}

interface Owned<T> {
  record: InstalledRecord;
  dir: InstalledDir;
  item: T;
}

/** Whose everything is, as packages come one after the other. */
export class Owners {
  readonly #files = new Map<string, Owned<InstalledFile>>();
  readonly #dirs = new Map<string, Owned<InstalledDir>>();

  constructor(records: readonly InstalledRecord[]) {
    for (const record of records) {
      for (const dir of record.dirs) {
        this.directory(record, dir);
        for (const item of dir.files) this.#files.set(pathOf(dir, item), { record, dir, item });
      }
    }
  }

  /** The directory as it is, now that a package has it too. */
  directory(record: InstalledRecord, dir: InstalledDir): InstalledDir {
    const old = this.#dirs.get(dir.path);
    if (old !== undefined && !takesDirectory(old.record, record)) return old.item;
    this.#dirs.set(dir.path, { record, dir, item: dir });
    return dir;
  }

  /**
   * Whether a package gets a file, which then leaves the package that had it; `old`: what that had.
   * Throws E_PACKAGE_MISSING where both may not have it.
   */
  file(
    record: InstalledRecord,
    dir: InstalledDir,
    item: InstalledFile,
  ): { isTaken: boolean; old?: InstalledFile } {
    const path = pathOf(dir, item);
    const old = this.#files.get(path);
    if (old !== undefined && old.record !== record) {
      const taken = takesFile(old.record, record);
      if (taken === undefined)
        throw new OsmithError(
          'E_PACKAGE_MISSING',
          `${old.record.name} and ${record.name} both hold /${path}`,
          {
            hint: 'Neither says that it replaces the other; leave out one in the package lists of the configuration',
          },
        );
      if (!taken) return { isTaken: false };
      old.dir.files = old.dir.files.filter((file) => file !== old.item);
    }
    this.#files.set(path, { record, dir, item });
    return { isTaken: true, ...(old && { old: old.item }) };
  }
}

function pathOf({ path }: Pick<InstalledDir, 'path'>, { name }: Pick<InstalledFile, 'name'>): string {
  return path === '' ? name : `${path}/${name}`;
}
