/** All packages that can be had, by the names they provide. */
import type { Dependency } from './dependency.ts';
import type { ApkPackage } from './package-index.ts';
import { compareVersions } from './version.ts';

/** A repository: packages of one with a tag come only to who asks for the tag. */
export interface Repository {
  tag: string;
  packages: ApkPackage[];
}

/** A package, and the repositories that have it, first ones first. */
export interface Candidate {
  pkg: ApkPackage;
  /** Its own name and those it provides, each once, with the version under that name. */
  names: ReadonlyMap<string, string | null>;
  repositories: number[];
  tags: Set<string>;
}

/** A candidate under one of its names; without a version if it says none. */
export interface Provider {
  candidate: Candidate;
  version: string | null;
}

export interface Universe {
  names: ReadonlyMap<string, Provider[]>;
  /** Those that come by themselves once others are there, by each of the names that they wait for. */
  awaiting: ReadonlyMap<string, Candidate[]>;
}

export function buildUniverse(repositories: readonly Repository[]): Universe {
  const known = new Map<string, Candidate>();
  repositories.forEach(({ tag, packages }, index) => {
    for (const pkg of packages) {
      // The same package may be in several repositories.
      const key = `${pkg.name}-${pkg.version} ${pkg.checksum}`;
      const candidate = known.get(key) ?? {
        pkg,
        names: namesOf(pkg),
        repositories: [],
        tags: new Set<string>(),
      };
      candidate.repositories.push(index);
      candidate.tags.add(tag);
      known.set(key, candidate);
    }
  });
  const names = new Map<string, Provider[]>();
  const awaiting = new Map<string, Candidate[]>();
  const add = <T>(map: Map<string, T[]>, name: string, value: T) => {
    const list = map.get(name);
    if (list === undefined) map.set(name, [value]);
    else list.push(value);
  };
  for (const candidate of known.values()) {
    for (const [name, version] of candidate.names) add(names, name, { candidate, version });
    for (const { name } of candidate.pkg.installIf) add(awaiting, name, candidate);
  }
  return { names, awaiting };
}

function namesOf(pkg: ApkPackage): Map<string, string | null> {
  const names = new Map<string, string | null>([[pkg.name, pkg.version]]);
  for (const { name, version } of pkg.provides) if (!names.has(name)) names.set(name, version);
  return names;
}

/** Which of two that provide the same name comes first, as apk prefers them. `tag`: that which was asked for. */
export function compareProviders(a: Provider, b: Provider, tag: string): number {
  const [one, two] = [a.candidate, b.candidate];
  const preferred = ({ tags }: Candidate) => Number(tags.has(tag));
  const versions = (x: string | null, y: string | null) =>
    x === null || y === null ? 0 : compareVersions(y, x);
  return (
    preferred(two) - preferred(one) ||
    versions(a.version, b.version) ||
    (one.pkg.name === two.pkg.name ? versions(one.pkg.version, two.pkg.version) : 0) ||
    two.pkg.priority - one.pkg.priority ||
    one.repositories[0]! - two.repositories[0]! ||
    (one.pkg.name < two.pkg.name ? -1 : 1)
  );
}

/** A condition on what is installed, and who set it: a package, or the user. */
export interface Rule {
  dependency: Dependency;
  by: Candidate | null;
  /** Tags that packages may have which are chosen for it. */
  tags: ReadonlySet<string>;
}
