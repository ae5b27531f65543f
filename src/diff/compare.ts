/** Compares two listings. */
import type { Aspect, Difference, FileFacts, Listing, TreeComparison } from './types.ts';

export interface CompareOptions {
  /** Paths that are left out. */
  ignore: (path: string) => boolean;
  /** Types, contents and targets alone, as diff(1) does. */
  contentOnly: boolean;
}

function bytewise(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** What differs, of what both sides know. */
function aspects(a: FileFacts, b: FileFacts, contentOnly: boolean): Aspect[] {
  if (a.type !== b.type) return ['type'];
  const what: Aspect[] = [];
  const differs = <K extends keyof FileFacts>(key: K) =>
    a[key] !== undefined && b[key] !== undefined && a[key] !== b[key];
  if (a.detail !== b.detail) what.push('target');
  if (differs('digest') && (a.neutral === undefined || a.neutral !== b.neutral)) what.push('content');
  // The mode of a symbolic link means nothing.
  if (!contentOnly && a.type !== 'symlink' && differs('mode')) what.push('mode');
  if (!contentOnly && differs('owner')) what.push('owner');
  if (!contentOnly && differs('attributes')) what.push('attributes');
  if (!contentOnly && differs('names')) what.push('names');
  return what;
}

/** Of all paths everything, unless the options say otherwise. */
export function compareListings(
  a: Listing,
  b: Listing,
  { ignore = () => false, contentOnly = false }: Partial<CompareOptions> = {},
): TreeComparison {
  const paths = [...new Set([...a.keys(), ...b.keys()])].filter((path) => !ignore(path));
  const result: TreeComparison = { differences: [], neutralised: [], same: 0 };
  for (const path of paths) {
    const [left, right] = [a.get(path), b.get(path)];
    const difference = compareOne(path, left, right, contentOnly);
    if (difference !== undefined) result.differences.push(difference);
    else if (left!.digest !== right!.digest) result.neutralised.push(path);
    else result.same += 1;
  }
  // Most trees differ in little: what is the same need not be sorted.
  result.differences.sort((left, right) => bytewise(left.path, right.path));
  result.neutralised.sort(bytewise);
  return result;
}

function compareOne(
  path: string,
  a: FileFacts | undefined,
  b: FileFacts | undefined,
  contentOnly: boolean,
): Difference | undefined {
  if (a === undefined) return { path, change: 'added', what: [], b: b! };
  if (b === undefined) return { path, change: 'removed', what: [], a };
  const what = aspects(a, b, contentOnly);
  return what.length === 0 ? undefined : { path, change: 'changed', what, a, b };
}
