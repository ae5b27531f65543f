/** Numbers of owners by the names of a system, passwd(5) and group(5). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Access, InstalledRecord } from './database.ts';

async function numbers(file: string): Promise<Map<string, number>> {
  const lines = (await readFile(file, 'utf8')).split('\n').map((line) => line.split(':'));
  // Of two lines with one name the first one counts.
  return new Map(lines.toReversed().map(([name = '', , id = '']) => [name, Number(id)]));
}

/** Gives the files of a package the numbers that their owners' names had when they were unpacked. */
export async function resolveOwners(record: InstalledRecord, dir: string): Promise<void> {
  const [users, groups] = await Promise.all([numbers(join(dir, 'passwd')), numbers(join(dir, 'group'))]);
  const all: Access[] = record.dirs.flatMap((each) => [each, ...each.files]);
  for (const access of all) {
    access.uid = users.get(access.uname) ?? access.uid;
    access.gid = groups.get(access.gname) ?? access.gid;
  }
}
