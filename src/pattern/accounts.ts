/** Names of users and groups to numbers, from the files of the system. */
import { readFileSync } from 'node:fs';

interface Entry {
  name: string;
  id: number;
  /** The user's own group. */
  group: number;
}

function entries(file: string): Entry[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.map((line) => {
    const [name = '', , id, group] = line.split(':');
    return { name, id: Number(id), group: Number(group) };
  });
}

function isNumber(text: string): boolean {
  return /^[0-9]+$/.test(text);
}

/** Ids that a process gets; absent: those of the caller. Throws for a name that the system does not know. */
export function accountIds(
  user: string | undefined,
  group: string | undefined,
): { uid?: number; gid?: number } {
  const ids: { uid?: number; gid?: number } = {};
  if (user !== undefined) {
    const known = entries('/etc/passwd').find(({ name, id }) => name === user || String(id) === user);
    if (known === undefined && !isNumber(user)) throw new Error(`There is no user ${user}`);
    ids.uid = known?.id ?? Number(user);
    if (known !== undefined) ids.gid = known.group;
  }
  if (group !== undefined) {
    const known = isNumber(group) ? undefined : entries('/etc/group').find(({ name }) => name === group);
    if (known === undefined && !isNumber(group)) throw new Error(`There is no group ${group}`);
    ids.gid = known?.id ?? Number(group);
  }
  // Who one is already needs no privilege to become.
  if (ids.uid === process.getuid?.()) delete ids.uid;
  if (ids.gid === process.getgid?.()) delete ids.gid;
  return ids;
}
