/** Versions as apk orders them (apk-package(5)): number{.number}...{letter}{_suffix{number}}...{~hash}{-r#}. */

/** In the order of the grammar. Of two versions that begin alike, the one that goes on with the later kind is the older. */
const KINDS = ['first', 'number', 'letter', 'suffix', 'suffix-number', 'hash', 'revision', 'end', 'invalid'];
const [FIRST, NUMBER, LETTER, SUFFIX, SUFFIX_NUMBER, HASH, REVISION, END, INVALID] = KINDS.keys();

/** Those before the empty name come before the version without a suffix. */
const SUFFIXES = ['alpha', 'beta', 'pre', 'rc', '', 'cvs', 'svn', 'git', 'hg', 'p'];
const RELEASE = SUFFIXES.indexOf('');

interface Part {
  kind: number;
  text: string;
}

/** What may follow: how it is written, what it is, and the kinds it may come after. */
const GRAMMAR: { pattern: RegExp; kind: number; after: (kind: number) => boolean }[] = [
  { pattern: /\.(\d+)/y, kind: NUMBER!, after: (kind) => kind <= NUMBER! },
  { pattern: /([a-z])/y, kind: LETTER!, after: (kind) => kind <= NUMBER! },
  { pattern: /_([a-z]+)/y, kind: SUFFIX!, after: (kind) => kind <= SUFFIX_NUMBER! },
  { pattern: /(\d+)/y, kind: SUFFIX_NUMBER!, after: (kind) => kind === SUFFIX },
  { pattern: /~([0-9a-f]+)/y, kind: HASH!, after: (kind) => kind < HASH! },
  { pattern: /-r(\d+)/y, kind: REVISION!, after: (kind) => kind < REVISION! },
];

function nextPart(version: string, at: number, last: number): { part: Part; end: number } {
  if (at === version.length) return { part: { kind: END!, text: '' }, end: at };
  for (const { pattern, kind, after } of GRAMMAR) {
    pattern.lastIndex = at;
    const match = after(last) ? pattern.exec(version) : null;
    if (match === null || (kind === SUFFIX && !SUFFIXES.includes(match[1]!))) continue;
    return { part: { kind, text: match[1]! }, end: pattern.lastIndex };
  }
  return { part: { kind: INVALID!, text: '' }, end: at };
}

/** All parts; the last one is the end, or what is no version. */
function partsOf(version: string): Part[] {
  const first = /^\d+/.exec(version)?.[0];
  if (first === undefined) return [{ kind: INVALID!, text: '' }];
  const parts: Part[] = [{ kind: FIRST!, text: first }];
  for (let at = first.length, last = FIRST!; last < END!;) {
    const { part, end } = nextPart(version, at, last);
    parts.push(part);
    [at, last] = [end, part.kind];
  }
  return parts;
}

function order<T>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function comparePart({ kind, text: a }: Part, { text: b }: Part): number {
  if (kind === SUFFIX) return order(SUFFIXES.indexOf(a), SUFFIXES.indexOf(b));
  // Numbers with a zero before them are fractions, of which 02 comes before 1.
  const isText = kind === LETTER || kind === HASH || (kind === NUMBER && (a[0] === '0' || b[0] === '0'));
  return isText ? order(a, b) : order(BigInt(a), BigInt(b));
}

function isBeforeRelease({ kind, text }: Part): boolean {
  return kind === SUFFIX && SUFFIXES.indexOf(text) < RELEASE;
}

/** Negative if `a` is older. `fuzzy`: whatever begins like `b` is equal to it. */
function compare(a: string, b: string, fuzzy: boolean): number {
  const [own, other] = [partsOf(a), partsOf(b)];
  let i = 0;
  for (; own[i]!.kind === other[i]!.kind && own[i]!.kind < END!; i += 1) {
    const result = comparePart(own[i]!, other[i]!);
    if (result !== 0) return result;
  }
  const [x, y] = [own[i]!, other[i]!];
  if (x.kind === y.kind || (fuzzy && y.kind === END)) return 0;
  if (isBeforeRelease(x)) return -1;
  if (isBeforeRelease(y)) return 1;
  return order(y.kind, x.kind);
}

/** Negative if `a` is the older version, 0 if they are equal. */
export function compareVersions(a: string, b: string): number {
  return compare(a, b, false);
}

export function isVersion(version: string): boolean {
  return partsOf(version).at(-1)!.kind === END;
}

/** Whether a version is one that an operator such as `>=` or `~` allows. */
export function versionMatches(version: string, operator: string, wanted: string): boolean {
  const fuzzy = operator.includes('~');
  const result = compare(version, wanted, fuzzy);
  if (result === 0) return fuzzy || operator.includes('=');
  return operator.includes(result < 0 ? '<' : '>');
}
