/** In which order packages are installed: what a package needs comes before it. */
import type { Dependency } from './dependency.ts';
import type { Candidate } from './universe.ts';

/** The packages that are not `fixed`, in the order in which apk would install them for the user's words. */
export function installOrder(
  packages: ReadonlySet<Candidate>,
  world: readonly Dependency[],
  fixed: ReadonlySet<Candidate>,
): Candidate[] {
  const providers = new Map<string, Candidate[]>();
  for (const candidate of packages)
    for (const name of candidate.names.keys())
      providers.set(name, [...(providers.get(name) ?? []), candidate]);
  const done = new Set(fixed);
  const seen = new Set(fixed);
  const visit = (candidate: Candidate): void => {
    if (seen.has(candidate)) return;
    seen.add(candidate);
    candidate.pkg.depends.forEach(visitName);
    done.add(candidate);
  };
  const visitName = ({ name, conflict }: Dependency): void => {
    if (!conflict) providers.get(name)?.forEach(visit);
  };
  [...world].sort((a, b) => (a.name < b.name ? -1 : 1)).forEach(visitName);
  // What came by itself follows what it came for.
  const rest = [...packages].sort((a, b) => (a.pkg.name < b.pkg.name ? -1 : 1));
  for (const candidate of rest) {
    candidate.pkg.installIf.forEach(visitName);
    visit(candidate);
  }
  return [...done].filter((candidate) => !fixed.has(candidate));
}
