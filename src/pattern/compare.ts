/** What two builds have different. */
import type { Claims, Json, ManifestDifference, SetDifference } from './types.ts';

/** Say when something was made, not what it is. */
const TIME_STAMPS = new Set(['epoch', 'time', 'created', 'builtAt']);

type Items = Map<string, string>;

function isObject(json: Json | undefined): json is { [key: string]: Json } {
  return json !== null && typeof json === 'object' && !Array.isArray(json);
}

/** Manifests are JSON; what is not is one value. */
function parseManifest(manifest: string): { [key: string]: Json } {
  try {
    const json = JSON.parse(manifest) as Json;
    return isObject(json) ? json : { manifest: json };
  } catch {
    return { manifest };
  }
}

function show(json: Json | undefined): string {
  return typeof json === 'string' ? json : JSON.stringify(json ?? null);
}

/** A list of objects by their names; several of one name, such as two kernels, are told apart by their order. */
function named(list: Json | undefined, value: (item: { [key: string]: Json }) => string): Items | undefined {
  if (!Array.isArray(list) || !list.every(isObject) || !list.every(({ name }) => typeof name === 'string'))
    return undefined;
  const items: Items = new Map();
  for (const item of list) {
    let name = show(item['name']);
    for (let count = 2; items.has(name); count++) name = `${show(item['name'])} (${count})`;
    items.set(name, value(item));
  }
  return items;
}

/** What tells packages of one name apart: the version, and the architecture if there is one. */
function packageVersion(item: { [key: string]: Json }): string {
  const known = [item['version'], item['arch'] ?? item['architecture']].filter((part) => part !== undefined);
  return known.length > 0 ? known.map(show).join(' ') : show(item);
}

function artifactDigest({ size, sha256 }: { [key: string]: Json }): string {
  return `${show(sha256)} ${show(size)} bytes`;
}

/** All that is not a list of named things, by path. */
function leaves(json: Json, path: string, items: Items): Items {
  const entries: [string, Json][] = Array.isArray(json)
    ? json.map((item, index) => [String(index), item])
    : isObject(json)
      ? Object.entries(json)
      : [];
  if (entries.length === 0) items.set(path, show(json));
  for (const [name, item] of entries)
    if (!TIME_STAMPS.has(name)) leaves(item, path === '' ? name : `${path}.${name}`, items);
  return items;
}

export function compareSets(a: Items, b: Items): SetDifference {
  const list = (items: Items, other: Items) =>
    [...items]
      .filter(([name]) => !other.has(name))
      .map(([name, value]) => ({ name, value }))
      .sort(byName);
  const changed = [...a]
    .filter(([name, from]) => b.has(name) && b.get(name) !== from)
    .map(([name, from]) => ({ name, from, to: b.get(name)! }))
    .sort(byName);
  return { added: list(b, a), removed: list(a, b), changed };
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}

export function isEmptySet({ added, removed, changed }: SetDifference): boolean {
  return added.length + removed.length + changed.length === 0;
}

/** Compares the manifests of two builds; time stamps do not count. */
export function compareManifests(a: string, b: string): ManifestDifference {
  const split = (manifest: string) => {
    const { packages, artifacts, ...rest } = parseManifest(manifest);
    const packageItems = named(packages, packageVersion);
    const artifactItems = named(artifacts, artifactDigest);
    const other = leaves(rest, '', new Map());
    if (packages !== undefined && packageItems === undefined) leaves(packages, 'packages', other);
    if (artifacts !== undefined && artifactItems === undefined) leaves(artifacts, 'artifacts', other);
    const none: Items = new Map();
    return { packages: packageItems ?? none, artifacts: artifactItems ?? none, other };
  };
  const [from, to] = [split(a), split(b)];
  const packages = compareSets(from.packages, to.packages);
  const artifacts = compareSets(from.artifacts, to.artifacts);
  const other = compareSets(from.other, to.other);
  return { equal: [packages, artifacts, other].every(isEmptySet), packages, artifacts, other };
}

export interface JwtDifference {
  equal: boolean;
  manifest: ManifestDifference;
  /** Files of the pattern, and its entry point; values are not shown. */
  pattern: SetDifference;
  runVars: SetDifference;
  /** Versions of the program that made them, when they differ and that counts. */
  version: { from: string; to: string } | undefined;
}

/** Two tokens are equal when they stand for the same build and the same pattern, whenever and by whom they were signed. */
export function compareClaims(a: Claims, b: Claims, { ignoreVersion = false } = {}): JwtDifference {
  const manifest = compareManifests(a.buildManifest ?? '', b.buildManifest ?? '');
  const patternItems = ({ pattern }: Claims): Items =>
    new Map([['(entrypoint)', pattern?.entrypoint ?? ''], ...Object.entries(pattern?.files ?? {})]);
  const pattern = compareSets(patternItems(a), patternItems(b));
  const runVars = compareSets(leaves(a.runVars ?? {}, '', new Map()), leaves(b.runVars ?? {}, '', new Map()));
  const [from, to] = [a.osmithVersion ?? '', b.osmithVersion ?? ''];
  const version = from === to || ignoreVersion ? undefined : { from, to };
  const equal = manifest.equal && isEmptySet(pattern) && isEmptySet(runVars) && version === undefined;
  return { equal, manifest, pattern, runVars, version };
}
