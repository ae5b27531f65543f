/** Which packages of a family are made from which: by name, whatever the tags, so that old tags are seen too. */
import { buildArguments } from './arguments.ts';
import { findBases } from './bases.ts';
import { isOfDebian, type AnyPackage, type Family } from './family.ts';
import { readDockerfile } from './graph.ts';
import type { Package } from './package.ts';

export interface Edges {
  pkg: AnyPackage;
  /** Sorted by name. */
  needs: AnyPackage[];
}

async function needsOf(pkg: Package, family: Family, host: string): Promise<AnyPackage[]> {
  const dockerfile = await readDockerfile(pkg);
  const { values, from } = await buildArguments(pkg, family);
  const images = pkg.build.arches.flatMap(
    (target) => findBases(dockerfile, values, { build: host, target }).images,
  );
  const references = [...images.map(({ reference }) => reference), ...(pkg.build.images?.list ?? [])];
  const found = (await Promise.all(references.map((each) => family.byImage(each)))).flat();
  const needs = new Map([...found, ...from].map((each) => [each.dir, each]));
  needs.delete(pkg.dir);
  return [...needs.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The direct dependencies of packages, on any architecture that they are built for. */
export async function dependenciesOf(
  packages: readonly AnyPackage[],
  family: Family,
  host: string,
): Promise<Edges[]> {
  const needs = (pkg: AnyPackage) => (isOfDebian(pkg) ? [] : needsOf(pkg, family, host));
  return Promise.all(packages.map(async (pkg) => ({ pkg, needs: await needs(pkg) })));
}

/** A line for each package that needs others. */
export function dependencyText(edges: readonly Edges[]): string {
  return edges
    .map(({ pkg, needs }) => `${[`${pkg.name}:`, ...needs.map(({ name }) => name)].join(' ')}\n`)
    .join('');
}

/** A graph for Graphviz. */
export function dependencyDot(edges: readonly Edges[]): string {
  const nodes = edges.map(({ pkg }) => `  ${JSON.stringify(pkg.name)}`);
  const arrows = edges.flatMap(({ pkg, needs }) =>
    needs.map((need) => `  ${JSON.stringify(need.name)} -> ${JSON.stringify(pkg.name)}`),
  );
  return `digraph packages {\n  rankdir=LR\n  node [shape=box]\n${[...nodes, ...arrows].join('\n')}\n}\n`;
}
