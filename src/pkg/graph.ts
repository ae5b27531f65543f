/** What packages are made from: other packages, and images from elsewhere. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { whereOf } from '../compose/yaml.ts';
import { OsmithError, type Where } from '../errors.ts';
import { expandReference } from '../oci/reference.ts';
import { buildArguments, type Arguments } from './arguments.ts';
import { findBases, type Bases } from './bases.ts';
import { parseDockerfile, type Dockerfile } from './dockerfile.ts';
import { archesOf, DEBIAN_FILE, type NamedDebian } from './debian.ts';
import { isOfDebian, type AnyPackage, type Family } from './family.ts';
import type { Package } from './package.ts';

/** An image that a package needs. */
export interface Need {
  reference: string;
  arch: string;
  /** The package that is built as this image; absent: it comes from elsewhere. */
  pkg?: AnyPackage;
  where: Where;
}

/** A package made of Debian's for one architecture: it needs no others. */
export interface DebianNode {
  pkg: NamedDebian;
  arch: string;
}

/** One package with a Dockerfile for one architecture. */
export interface Node {
  pkg: Package;
  arch: string;
  dockerfile: Dockerfile;
  bases: Bases;
  args: Arguments;
  /** As many as there are bases, then those of `depends.docker-images`. */
  needs: Need[];
}

/** What is to be built: the packages that need others come after those. */
export interface Graph {
  debian: DebianNode[];
  nodes: Node[];
}

export interface GraphOptions {
  family: Family;
  /** Architecture of this machine. */
  host: string;
  argFiles?: readonly string[];
  /** In place of that of build.yml. */
  dockerfile?: string | undefined;
}

export async function readDockerfile({ dir, build }: Package, name = build.dockerfile): Promise<Dockerfile> {
  const file = join(dir, name);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new OsmithError('E_PKG', `Cannot read ${file}: ${(cause as Error).message}`, {
      ...{ cause, where: whereOf(build.raw, 'dockerfile') ?? { file: build.file } },
      hint: 'A package has a Dockerfile; build.yml may name another with dockerfile:',
    });
  });
  return parseDockerfile(text, file);
}

async function imagesOf(
  { bases, dockerfile, args }: Pick<Node, 'bases' | 'dockerfile' | 'args'>,
  pkg: Package,
  arch: string,
  family: Family,
) {
  const fromFile = bases.images.map(({ reference, arch: own, instruction }) => ({
    ...{ reference, arch: own, where: { file: dockerfile.file, line: instruction.first } },
  }));
  const list = pkg.build.images?.list ?? [];
  const raw = pkg.build.raw.depends?.['docker-images'];
  const where = whereOf(raw, 'list') ?? { file: pkg.build.file };
  const all = [...fromFile, ...list.map((reference) => ({ reference, arch, where }))];
  return Promise.all(
    all.map(async (need): Promise<Need> => {
      const reference = expandReference(need.reference);
      const named = args.from.find(({ canonical }) => canonical === reference);
      const from = named ?? (await family.byReference(reference));
      return { ...need, reference, ...(from && { pkg: from }) };
    }),
  );
}

async function readNode(pkg: Package, arch: string, options: GraphOptions, isNamed: boolean): Promise<Node> {
  const { family, host } = options;
  const dockerfile = await readDockerfile(pkg, isNamed ? options.dockerfile : undefined);
  const args = await buildArguments(pkg, family, isNamed ? options.argFiles : []);
  const bases = findBases(dockerfile, args.values, { build: host, target: arch });
  return {
    pkg,
    arch,
    dockerfile,
    bases,
    args,
    needs: await imagesOf({ bases, dockerfile, args }, pkg, arch, family),
  };
}

function nodeKey(pkg: AnyPackage, arch: string): string {
  return `${pkg.dir} ${arch}`;
}

/** Architectures that a package is built for, and where that is said. */
export function builtFor(pkg: AnyPackage): { arches: string[]; where: Where } {
  if (isOfDebian(pkg)) return { arches: archesOf(pkg.debian), where: { file: join(pkg.dir, DEBIAN_FILE) } };
  const { arches, raw, file } = pkg.build;
  return { arches, where: whereOf(raw, 'arches') ?? { file } };
}

function notBuiltFor(pkg: AnyPackage, arch: string, named: Where | undefined): OsmithError {
  const { arches, where } = builtFor(pkg);
  return new OsmithError('E_PKG', `${pkg.name} is not built for ${arch}`, {
    where: named ?? where,
    hint: `It is built for ${arches.join(', ')}, says ${where.file}`,
  });
}

function cycle(path: readonly AnyPackage[], where: Where | undefined): OsmithError {
  const names = path.map(({ name }) => name).join(' → ');
  return new OsmithError('E_PKG', `${path[0]!.name} needs itself: ${names}`, {
    where,
    hint: 'Break the circle: build one of them from another image',
  });
}

/** The packages and all that they are made from, each after what it needs. Throws E_PKG for a circle. */
export async function packageGraph(
  wanted: readonly { pkg: AnyPackage; arch: string }[],
  options: GraphOptions,
): Promise<Graph> {
  const nodes = new Map<string, Node>();
  const debian = new Map<string, DebianNode>();
  const named = new Set(wanted.map(({ pkg }) => pkg.dir));

  async function visit(
    pkg: AnyPackage,
    arch: string,
    path: readonly AnyPackage[],
    where?: Where,
  ): Promise<void> {
    const start = path.findIndex(({ dir }) => dir === pkg.dir);
    if (start >= 0) throw cycle([...path.slice(start), pkg], where);
    if (nodes.has(nodeKey(pkg, arch))) return;
    if (!builtFor(pkg).arches.includes(arch)) throw notBuiltFor(pkg, arch, where);
    if (isOfDebian(pkg)) {
      debian.set(nodeKey(pkg, arch), { pkg, arch });
      return;
    }
    const node = await readNode(pkg, arch, options, named.has(pkg.dir));
    for (const need of node.needs) {
      if (need.pkg !== undefined) await visit(need.pkg, need.arch, [...path, pkg], need.where);
    }
    nodes.set(nodeKey(pkg, arch), node);
  }

  for (const { pkg, arch } of wanted) await visit(pkg, arch, []);
  return { debian: [...debian.values()], nodes: [...nodes.values()] };
}
