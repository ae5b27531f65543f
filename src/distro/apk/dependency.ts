/** Dependencies as apk writes them: `[!]NAME[@TAG][OPERATOR VERSION]`, where a name may be one that packages provide. */
import { isVersion, versionMatches } from './version.ts';

export interface Dependency {
  name: string;
  /** What must not be there. */
  conflict: boolean;
  /** Repositories that packages come from only if they are asked for. */
  tag: string;
  /** `=`, `<`, `>=`, `~` and so on; empty: any version. `><`: the package with this checksum. */
  operator: string;
  version: string;
}

/** A name that a package has besides its own. Without a version several packages may provide it at once. */
export interface Provided {
  name: string;
  version: string | null;
}

const DEPENDENCY = /^(!?)([^\s!@<>=~]+)(?:@([^\s@<>=~]+))?(?:([<>=~]+)(\S+))?$/;
const CHECKSUM = '><';

/** Undefined for what apk does not understand either. */
export function parseDependency(word: string): Dependency | undefined {
  const match = DEPENDENCY.exec(word);
  if (match === null) return undefined;
  const [, conflict, name = '', tag = '', operator = '', version = ''] = match;
  if (operator !== '' && operator !== CHECKSUM && !isVersion(version)) return undefined;
  return { name, conflict: conflict === '!', tag, operator, version };
}

export function parseProvided(word: string): Provided {
  const [name, version] = word.split(/[<>=~]+/) as [string, string?];
  return { name, version: version ?? null };
}

/** As a user writes it. */
export function formatDependency({ name, conflict, tag, operator, version }: Dependency): string {
  return `${conflict ? '!' : ''}${name}${tag && `@${tag}`}${operator}${version}`;
}

/** Whether something of this name is in the range; a `!` before it is another matter. */
export function inRange(
  { operator, version: wanted }: Dependency,
  version: string | null,
  checksum: string,
): boolean {
  if (operator === '') return true;
  if (operator === CHECKSUM) return checksum === wanted;
  return version === null || versionMatches(version, operator, wanted);
}
