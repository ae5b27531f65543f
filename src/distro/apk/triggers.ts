/** Scripts that packages want to run when directories changed (apk-package(5), `triggers`). */
import { globPattern } from './glob.ts';

export interface Watcher {
  /** Checksum of its package. */
  checksum: string;
  /** Patterns of directories, with `/` at the beginning; `+` before it: only of those that changed. */
  patterns: string[];
}

/** /lib/apk/db/triggers. */
export function parseTriggers(text: string): Watcher[] {
  return text.split('\n').flatMap((line) => {
    const [checksum = '', ...patterns] = line.split(' ');
    return checksum === '' ? [] : [{ checksum, patterns }];
  });
}

export function formatTriggers(watchers: readonly Watcher[]): string {
  return watchers.map(({ checksum, patterns }) => `${[checksum, ...patterns].join(' ')}\n`).join('');
}

/** The directories, with `/` at the beginning, that a script is told: all that match if its package is new, or what changed. */
export function matchingDirectories(
  { patterns }: Watcher,
  isNew: boolean,
  all: Iterable<string>,
  changed: ReadonlySet<string>,
): string[] {
  const rules = patterns.map((pattern) => ({
    onlyChanged: pattern.startsWith('+'),
    regex: globPattern(pattern.replace(/^\+/, ''), true),
  }));
  const matching = [...all].filter((path) => {
    const rule = rules.find(({ regex }) => regex.test(`/${path}`));
    return rule !== undefined && (changed.has(path) || (isNew && !rule.onlyChanged));
  });
  return matching.sort().map((path) => `/${path}`);
}
