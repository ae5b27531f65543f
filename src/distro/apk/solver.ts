/**
 * Which packages satisfy a list of dependencies: one provider after the other is chosen, the preferred one first. Where
 * that leads nowhere, the last choice that is to blame is made anew.
 */
import type { OsmithError } from '../../errors.ts';
import { explain, type DeadEnd } from './dead-end.ts';
import { inRange, type Dependency } from './dependency.ts';
import { compareProviders, type Candidate, type Provider, type Rule, type Universe } from './universe.ts';

/** Choices that are to blame for a dead end; null: the user's own words. */
type Blame = Set<Candidate | null>;

/** What may be chosen for a rule, preferred ones first, and why nothing else may. */
interface Choice {
  rule: Rule;
  options: Provider[];
  blame: Blame;
  refused: DeadEnd['refused'];
  /** Whether a provider that is not chosen for this name may come for another reason. */
  mayCome: boolean;
}

function fits({ dependency, by }: Rule, { candidate, version }: Provider): boolean {
  const matches = inRange(dependency, version, candidate.pkg.checksum);
  return dependency.conflict ? !matches || by === candidate : matches;
}

class Search {
  readonly universe: Universe;
  readonly packages = new Set<Candidate>();
  readonly chosen = new Map<string, Provider[]>();
  /** The first one: that of the preferred choices. */
  deadEnd: DeadEnd | undefined;
  readonly #rules = new Map<string, Rule[]>();
  /** What is wanted, in the order in which it was asked for. */
  readonly #wanted: Rule[] = [];

  constructor(universe: Universe) {
    this.universe = universe;
  }

  /** Adds a condition. Returns what is chosen already and breaks it. */
  require(rule: Rule): Candidate | undefined {
    const { name, conflict } = rule.dependency;
    this.#rules.set(name, [...(this.#rules.get(name) ?? []), rule]);
    if (!conflict) this.#wanted.push(rule);
    return this.chosen.get(name)?.find((provider) => !fits(rule, provider))?.candidate;
  }

  /** Who forbids that a candidate joins those that are chosen; undefined: nobody. */
  #forbids(candidate: Candidate): { by: Candidate | null } | undefined {
    for (const [name, version] of candidate.names) {
      const other = this.chosen.get(name)?.find((each) => each.version !== null || version !== null);
      if (other !== undefined) return { by: other.candidate };
      const rule = this.#rules.get(name)?.find((each) => !fits(each, { candidate, version }));
      if (rule !== undefined) return { by: rule.by };
    }
    return undefined;
  }

  choose(candidate: Candidate, tags: ReadonlySet<string>): Candidate | undefined {
    this.packages.add(candidate);
    for (const [name, version] of candidate.names)
      this.chosen.set(name, [...(this.chosen.get(name) ?? []), { candidate, version }]);
    let broken: Candidate | undefined;
    for (const dependency of candidate.pkg.depends) {
      const breaks = this.require({ dependency, by: candidate, tags });
      broken ??= breaks;
    }
    return broken;
  }

  #undo(candidate: Candidate, wanted: number): void {
    this.packages.delete(candidate);
    this.#wanted.length = wanted;
    for (const name of candidate.names.keys()) {
      const others = this.chosen.get(name)!.slice(0, -1);
      if (others.length === 0) this.chosen.delete(name);
      else this.chosen.set(name, others);
    }
    for (const { name } of candidate.pkg.depends) {
      const others = this.#rules.get(name)!.filter(({ by }) => by !== candidate);
      this.#rules.set(name, others);
    }
  }

  /** A name without a version stands for what several packages may be: one with a priority, or wanted by its own name. */
  #isEligible({ candidate, version }: Provider, count: number): boolean {
    const { name, priority } = candidate.pkg;
    const isWanted = () => this.#rules.get(name)?.some(({ dependency }) => !dependency.conflict) ?? false;
    return version !== null || priority > 0 || count === 1 || isWanted();
  }

  #choiceFor(rule: Rule): Choice {
    const providers = this.universe.names.get(rule.dependency.name) ?? [];
    const choice: Choice = {
      rule,
      options: [],
      blame: new Set([rule.by]),
      refused: undefined,
      mayCome: false,
    };
    for (const provider of providers) {
      const { candidate } = provider;
      if (![...candidate.tags].some((tag) => rule.tags.has(tag))) continue;
      const forbidden = this.#forbids(candidate);
      if (forbidden !== undefined) {
        choice.blame.add(forbidden.by);
        if (fits(rule, provider)) choice.refused ??= { candidate, by: forbidden.by };
      } else if (this.#isEligible(provider, providers.length)) choice.options.push(provider);
      else choice.mayCome = true;
    }
    choice.options.sort((a, b) => compareProviders(a, b, rule.dependency.tag));
    return choice;
  }

  /**
   * What to choose for next: what can be satisfied in one way, or in none; then in the order in which it was asked for. Names
   * without versions come last, as a package that has one may be there by then.
   */
  #next(): Choice | undefined {
    let best: Choice | undefined;
    let bestRank = Infinity;
    for (const rule of this.#wanted) {
      if (this.chosen.has(rule.dependency.name)) continue;
      const choice = this.#choiceFor(rule);
      const { options, mayCome } = choice;
      const isVirtual = options.some(({ version }) => version === null);
      if (options.length < 2 && !mayCome && !isVirtual) return choice;
      const rank = options.length === 0 ? 2 : isVirtual ? 1 : 0;
      if (rank < bestRank) [best, bestRank] = [choice, rank];
    }
    return best;
  }

  /** Undefined when everything that is wanted is there. */
  solve(): Blame | undefined {
    const next = this.#next();
    if (next === undefined) return undefined;
    const { rule, options, blame, refused } = next;
    if (options.length === 0) this.deadEnd ??= { rule, refused };
    // What its dependencies come from; the package itself must be from where the user said.
    const tags = new Set([...rule.tags, '']);
    for (const { candidate } of options) {
      const wanted = this.#wanted.length;
      const broken = this.choose(candidate, tags);
      if (broken !== undefined) this.deadEnd ??= { rule, refused: { candidate, by: broken } };
      const failure = broken === undefined ? this.solve() : new Set([broken, candidate]);
      if (failure === undefined) return undefined;
      this.#undo(candidate, wanted);
      if (!failure.has(candidate)) return failure;
      for (const each of failure) if (each !== candidate) blame.add(each);
    }
    return blame;
  }
}

function worldRule(dependency: Dependency): Rule {
  return { dependency, by: null, tags: new Set([dependency.tag]) };
}

/** Whether all that a package waits for is there. */
function isAwaited({ pkg }: Candidate, { chosen }: Search): boolean {
  return pkg.installIf.every((dependency) => {
    const providers = chosen.get(dependency.name) ?? [];
    const isThere = providers.some(({ candidate, version }) =>
      inRange(dependency, version, candidate.pkg.checksum),
    );
    return isThere !== dependency.conflict;
  });
}

/** Packages that come by themselves with those that are chosen, by name. */
function newcomers(search: Search): Candidate[] {
  const waiting = [...search.chosen.keys()].flatMap((name) => search.universe.awaiting.get(name) ?? []);
  const missing = waiting.filter(
    (candidate) =>
      candidate.tags.has('') && !search.chosen.has(candidate.pkg.name) && isAwaited(candidate, search),
  );
  return [...new Set(missing)].sort((a, b) => (a.pkg.name < b.pkg.name ? -1 : 1));
}

function attempt(universe: Universe, fixed: Iterable<Candidate>, rules: Rule[]): Search | DeadEnd {
  const search = new Search(universe);
  for (const candidate of fixed) search.choose(candidate, new Set(['']));
  for (const rule of rules) {
    const broken = search.require(rule);
    if (broken !== undefined) return { rule, refused: { candidate: broken, by: null } };
  }
  return search.solve() === undefined ? search : search.deadEnd!;
}

/**
 * The packages that the user's words need, besides those that are there: `fixed`.
 * Throws E_PACKAGE_MISSING if there are none; `missing` makes the error for a name that nothing has.
 */
export function solve(
  universe: Universe,
  world: readonly Dependency[],
  fixed: ReadonlySet<Candidate>,
  missing: (name: string) => OsmithError,
): Set<Candidate> {
  const rules = world.map(worldRule);
  let search = attempt(universe, fixed, rules);
  if (!(search instanceof Search)) throw explain(search, universe, missing);
  const refused = new Set<Candidate>();
  for (;;) {
    const newcomer = newcomers(search).find((candidate) => !refused.has(candidate));
    if (newcomer === undefined) return search.packages;
    const { name, version } = newcomer.pkg;
    const wanted = worldRule({ name, version, operator: '=', conflict: false, tag: '' });
    const next = attempt(universe, search.packages, [...rules, wanted]);
    if (next instanceof Search) search = next;
    else refused.add(newcomer);
  }
}
