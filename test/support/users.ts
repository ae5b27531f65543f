/** Users of this host that tests can become when they run as root. */
import { readFileSync } from 'node:fs';
import { subordinateRange } from '../../src/run/namespace.ts';

export interface User {
  name: string;
  uid: string;
  gid: string;
  home: string;
}

/** The first ordinary user that may build: one with subordinate ids. */
export function subordinateUser(): User | undefined {
  const [subuid = '', subgid = ''] = ['/etc/subuid', '/etc/subgid'].map((file) => readFileSync(file, 'utf8'));
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid = '', gid = '', , home = '']) => ({ name, uid, gid, home }));
  return users.find(
    ({ name, uid }) =>
      Number(uid) > 0 &&
      [subuid, subgid].every((text) => subordinateRange(text, name, Number(uid)) !== undefined),
  );
}
