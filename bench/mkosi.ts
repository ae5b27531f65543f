/** Whether mkosi can be measured beside Osmith here: as an ordinary user, with packages that are there. */
import { execFileSync } from 'node:child_process';

/** The first version that builds without root. */
const UNPRIVILEGED = 15;

/** Why there is no row of mkosi. */
export function mkosiObstacle(): string {
  let text: string;
  try {
    text = execFileSync('mkosi', ['--version'], { encoding: 'utf8' });
  } catch {
    return 'not installed';
  }
  const version = Number(/\d+/.exec(text)?.[0]);
  if (version < UNPRIVILEGED) return `version ${version} builds as root only`;
  return `version ${version} needs a full mirror; it is not measured here`;
}
