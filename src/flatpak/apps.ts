/** What is to be installed, as people look at it: apps with their extensions, by runtime or by nature. */
import { parseRef } from './ref.ts';
import type { ResolvedRef } from './types.ts';

/** Something with the extensions that are there for its sake. */
export interface Item {
  ref: ResolvedRef;
  extensions: ResolvedRef[];
}

export interface Group {
  title: string;
  items: Item[];
}

/** Largest download first. */
export function bySize(refs: readonly ResolvedRef[]): ResolvedRef[] {
  return refs.toSorted(
    (a, b) => b.downloadSize - a.downloadSize || compare(parseRef(a.ref).id, parseRef(b.ref).id),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** An app by its id, anything else by id and branch. */
export function shownName({ ref }: ResolvedRef): string {
  const { kind, id, branch } = parseRef(ref);
  return kind === 'app' ? id : `${id}//${branch}`;
}

interface Sorted {
  apps: ResolvedRef[];
  runtimes: ResolvedRef[];
  extensionsOf: (ref: ResolvedRef) => ResolvedRef[];
}

/** What apps run on is a runtime, even if something else has it as an extension; so is what was asked for itself. */
function sort(refs: readonly ResolvedRef[]): Sorted {
  const sorted = bySize(refs);
  const apps = sorted.filter(({ ref }) => parseRef(ref).kind === 'app');
  const used = new Set(apps.map(({ runtime }) => runtime));
  const others = sorted.filter((each) => !apps.includes(each));
  const isRuntime = ({ ref, relatedTo }: ResolvedRef) => used.has(ref) || relatedTo.length === 0;
  const extensionsOf = ({ ref }: ResolvedRef): ResolvedRef[] => {
    const own = others.filter((each) => !isRuntime(each) && each.relatedTo.includes(ref) && each.ref !== ref);
    return own.flatMap((each) => [each, ...extensionsOf(each)]);
  };
  return { apps, runtimes: others.filter(isRuntime), extensionsOf };
}

/** One group for each runtime: itself, then the apps that run on it. */
export function byRuntime(refs: readonly ResolvedRef[]): Group[] {
  const { apps, runtimes, extensionsOf } = sort(refs);
  const item = (ref: ResolvedRef): Item => ({ ref, extensions: extensionsOf(ref) });
  return runtimes
    .toSorted((a, b) => compare(a.ref, b.ref))
    .map((runtime) => ({
      title: shownName(runtime),
      items: [runtime, ...apps.filter((app) => app.runtime === runtime.ref)].map(item),
    }));
}

/** Apps in the language of the personality, other apps, and runtimes. */
export function byNature(refs: readonly ResolvedRef[], personality: string): Group[] {
  const { apps, runtimes, extensionsOf } = sort(refs);
  const languages = [personality, personality.split('_')[0]];
  const isLocal = ({ ref }: ResolvedRef) => languages.includes(parseRef(ref).id.split('.').at(-1));
  const item = (ref: ResolvedRef): Item => ({ ref, extensions: extensionsOf(ref) });
  return [
    { title: 'Locale-specific apps', items: apps.filter(isLocal).map(item) },
    { title: 'Generic apps', items: apps.filter((app) => !isLocal(app)).map(item) },
    { title: 'Runtimes', items: runtimes.map((ref) => ({ ref, extensions: [] })) },
  ].filter(({ items }) => items.length > 0);
}
