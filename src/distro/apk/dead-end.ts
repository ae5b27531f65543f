/** Why no packages satisfy what is wanted, in words that a user can act on. */
import { OsmithError } from '../../errors.ts';
import { formatDependency, inRange } from './dependency.ts';
import type { Candidate, Rule, Universe } from './universe.ts';

export interface DeadEnd {
  /** For which nothing could be chosen. */
  rule: Rule;
  /** A package that would satisfy it, and who forbids that. */
  refused: { candidate: Candidate; by: Candidate | null } | undefined;
}

const CHECK = 'A package it needs is missing from the configured suite, components or mirror';

/** The error for a dead end; `missing` makes that for a name that nothing has. */
export function explain(
  { rule, refused }: DeadEnd,
  universe: Universe,
  missing: (name: string) => OsmithError,
): OsmithError {
  const { dependency, by, tags } = rule;
  const wanted = formatDependency(dependency);
  const providers = universe.names.get(dependency.name) ?? [];
  const fail = (message: string, hint: string) => new OsmithError('E_PACKAGE_MISSING', message, { hint });
  if (refused !== undefined) {
    const { candidate, by: other } = refused;
    if (other === null)
      return fail(
        `${candidate.pkg.name} is needed, and the package lists of the configuration forbid it`,
        `It is wanted as ${wanted}`,
      );
    const needsOther = other.pkg.depends.some(({ name, conflict }) => name === dependency.name && !conflict);
    const pair = needsOther && by !== null ? [by, other] : [candidate, other];
    return fail(
      `${pair.map(({ pkg }) => pkg.name).join(' and ')} cannot be installed together`,
      needsOther
        ? `They need different versions of ${dependency.name}`
        : 'They exclude each other; leave out one in the package lists of the configuration',
    );
  }
  const inTags = providers.filter(({ candidate }) => [...candidate.tags].some((tag) => tags.has(tag)));
  const matching = inTags.filter(({ candidate, version }) =>
    inRange(dependency, version, candidate.pkg.checksum),
  );
  if (matching.length > 0) {
    const names = [...new Set(matching.map(({ candidate }) => candidate.pkg.name))].sort().join(', ');
    return fail(
      `Several packages can be ${wanted}: ${names}`,
      'Name one of them in the package lists of the configuration',
    );
  }
  if (by !== null) return fail(`${by.pkg.name} cannot be installed: it depends on ${wanted}`, CHECK);
  if (inTags.length > 0) {
    const versions = inTags.map(({ version }) => version).filter((version) => version !== null);
    return fail(`There is no ${wanted}`, `There are: ${[...new Set(versions)].sort().join(', ')}`);
  }
  const [tag] = providers.flatMap(({ candidate }) => [...candidate.tags].filter((each) => each !== ''));
  if (tag !== undefined && dependency.tag === '')
    return fail(`${wanted} is only in repositories with a tag`, `Ask for ${dependency.name}@${tag}`);
  return missing(wanted);
}
