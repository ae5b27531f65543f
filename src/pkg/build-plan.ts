/** Steps that build the images of packages: one for each package and architecture, after those of what they need. */
import { join, resolve } from 'node:path';
import { goJson, type JsonValue } from '../compose/json.ts';
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import type { StoredImage } from '../oci/stored.ts';
import { sourceInput } from '../plan/source.ts';
import { pkgTools, toolsSteps, type Tools } from '../plan/tools.ts';
import type { Input, Json, Plan, Step } from '../plan/types.ts';
import { version } from '../version.ts';
import { emulatedStages, renameBases } from './bases.ts';
import { debianPrefix, debianSteps } from './debian-plan.ts';
import { argWords, type Dockerfile } from './dockerfile.ts';
import { isOfDebian, type AnyPackage } from './family.ts';
import { builtFor, type DebianNode, type Graph, type Need, type Node } from './graph.ts';
import type { Commit } from './git.ts';
import type { Package } from './package.ts';

/** The step that makes the image: its output and its fact are `image`. */
export function buildStep(pkg: AnyPackage, arch: string): string {
  if (isOfDebian(pkg)) return `${debianPrefix({ pkg, arch })}/image`;
  return `pkg/${pkg.org}/${pkg.build.image}-${arch}`;
}

function imageOf(pkg: AnyPackage): string {
  return isOfDebian(pkg) ? pkg.debian.image : pkg.build.image;
}

/** On one line. A line break within JSON is never part of a text. */
function compactJson(value: object): string {
  return goJson(value as JsonValue).replaceAll(/\n */g, '');
}

/** Labels of an image; what is not known is not said. */
function labels({ build, dirty }: Package, commit: Commit | undefined): Record<string, string> {
  const config = build.config === undefined ? '' : compactJson(build.config);
  const all = {
    'org.opencontainers.image.source': build.gitrepo,
    'org.opencontainers.image.revision': dirty ? '' : (commit?.hash ?? ''),
    'org.mobyproject.config': config,
    'org.mobyproject.linuxkit.version': `osmith ${version()}`,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}

/** What of a build runs in an emulator: the stages of each package, in words. */
export function emulationNotes({ debian, nodes }: Graph, host: string): string[] {
  const mirrors = debian.filter((node) => isEmulated(node, host));
  const ofMirrors = mirrors.map(
    ({ pkg, arch }) => `${pkg.name} for ${arch}: scripts of packages emulated on ${host}`,
  );
  const ofStages = nodes.flatMap(({ pkg, arch, bases }) => {
    const names = emulatedStages(bases, host).map(({ stage, index }) => stage.name ?? `stage ${index + 1}`);
    return names.length === 0 ? [] : [`${pkg.name} for ${arch}: ${names.join(', ')} emulated on ${host}`];
  });
  return [...ofMirrors, ...ofStages];
}

/** Only the system in a mirror has scripts that run. */
function isEmulated({ pkg, arch }: DebianNode, host: string): boolean {
  return pkg.debian.mirror && arch !== host;
}

function archives(pkg: Package, first: number): { file: string; bases: number[] }[] {
  const { images } = pkg.build;
  if (images === undefined) return [];
  const indexes = images.list.map((_, index) => first + index);
  if (!images.perImage) return [{ file: images.target, bases: indexes }];
  const fileName = (reference: string) => `${reference.replaceAll(/[^\w.-]+/g, '-')}.tar`;
  return images.list.map((reference, index) => ({
    file: join(images.target, fileName(reference)),
    bases: [first + index],
  }));
}

/** The arguments that the Dockerfile asks for: others are no reason to build it anew. */
function declared({ global, stages }: Dockerfile, values: ReadonlyMap<string, string>): [string, string][] {
  const all = [...global, ...stages.flatMap(({ instructions }) => instructions)];
  const names = all.filter(({ name }) => name === 'ARG').flatMap(({ args }) => argWords(args));
  const wanted = new Set(names.map(({ name }) => name));
  return [...values].filter(([name]) => wanted.has(name));
}

/** What a need of a package that is no package is. */
export type Images = (node: Node, need: Need) => StoredImage;

function step(node: Node, images: Images, host: string, tools: Tools): Step {
  const { pkg, arch, bases, args, needs, dockerfile } = node;
  const inputs: Record<string, Input> = {
    context: { ...sourceInput('/', pkg.dir, '.git'), name: pkg.name },
  };
  const extra: Record<string, string> = {};
  pkg.build.extraSources.forEach(({ from, to }, index) => {
    const path = resolve(pkg.dir, from);
    inputs[`extra-${index}`] = { ...sourceInput('/', path, '.git'), name: from };
    extra[to] = `extra-${index}`;
  });
  const given = needs.map((need, index): Json => {
    if (need.pkg === undefined) return { image: images(node, need) as unknown as Json, name: need.reference };
    inputs[`base-${index}`] = { step: buildStep(need.pkg, need.arch), output: 'image' };
    return { input: `base-${index}`, name: need.reference };
  });
  const names = bases.images.map((_, index) => `@osmith-base-${index}@`);
  return {
    ...{ id: buildStep(pkg, arch), kind: 'pkg-build', stage: 'pkg', ...tools, inputs },
    ...(pkg.build.network && { network: true }),
    params: {
      ...{
        reference: pkg.canonical,
        arch,
        epoch: args.epoch,
        bases: given,
        extra,
        labels: labels(pkg, args.commit),
      },
      dockerfile: renameBases(dockerfile, bases, names),
      args: Object.fromEntries([...bases.arguments, ...declared(dockerfile, args.values)]),
      archives: archives(pkg, bases.images.length),
      emulate: emulatedStages(bases, host)[0]?.arch ?? '',
    },
  };
}

export interface PlanRequest {
  /** From elsewhere. */
  images: Images;
  /** The configuration for an architecture. */
  configFor: (arch: string) => Config;
  host: string;
}

/** Two directories of one name would stand for each other. Throws E_PKG. */
function checkNames({ debian, nodes }: Graph): void {
  const byStep = Map.groupBy([...debian, ...nodes], ({ pkg, arch }) => `${pkg.org}/${imageOf(pkg)} ${arch}`);
  for (const [{ pkg }, other] of [...byStep.values()].map((list) => [list[0]!, list[1]] as const)) {
    if (other === undefined) continue;
    throw new OsmithError('E_PKG', `${pkg.dir} and ${other.pkg.dir} both make the image ${imageOf(pkg)}`, {
      where: builtFor(other.pkg).where,
      hint: 'Give one of them another name with image: NAME',
    });
  }
}

/** The plan of all packages, each after those that it needs, with the tools that build them. */
export function buildPlan(graph: Graph, { images, configFor, host }: PlanRequest): Plan {
  checkNames(graph);
  const { debian, nodes } = graph;
  const steps: Step[] = [];
  for (const [emulate, list] of Map.groupBy(debian, (node) => isEmulated(node, host))) {
    const tools = toolsSteps(configFor(host), emulate ? list[0]!.arch : host);
    steps.push(...tools.steps);
    steps.push(...list.flatMap((node) => debianSteps(node, configFor(node.arch), tools.tools)));
  }
  const emulates = ({ bases }: Node) => emulatedStages(bases, host).length > 0;
  const toolsFor = new Map<boolean, Tools>();
  for (const emulate of new Set(nodes.map(emulates))) {
    const tools = pkgTools(configFor(host), emulate);
    steps.push(...tools.steps);
    toolsFor.set(emulate, tools.tools);
  }
  steps.push(...nodes.map((node) => step(node, images, host, toolsFor.get(emulates(node))!)));
  // Those of the usual tools tree come with each of the others.
  const own = new Map(steps.map((step) => [step.id, step]));
  return { name: 'packages', steps: [...own.values()], artifacts: [] };
}
