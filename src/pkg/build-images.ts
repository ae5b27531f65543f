/** Builds packages: finds the images that they need from elsewhere, runs the plan, and puts the results where references are looked up. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import type { Puller } from '../oci/pull.ts';
import { parseReference } from '../oci/reference.ts';
import { rememberImage, type StoredImage } from '../oci/stored.ts';
import { planStatus, type StepStatus } from '../run/status.ts';
import { runPlan, type RunOptions } from '../run/scheduler.ts';
import type { Result, Store } from '../run/store.ts';
import { pinBy } from '../template/lock.ts';
import { buildPlan, buildStep, emulationNotes, type Images } from './build-plan.ts';
import { debianPrefix } from './debian-plan.ts';
import type { AnyPackage } from './family.ts';
import { builtFor, type DebianNode, type Graph, type Need, type Node } from './graph.ts';
import { readImagesLocks } from './images-lock.ts';
import { pullNeeds } from './needed-images.ts';

export interface BuildOptions {
  /** The configuration for an architecture. */
  configFor: (arch: string) => Config;
  host: string;
  /** Where images come from, for any architecture. */
  puller: Omit<Puller, 'arch'>;
}

/** Images from elsewhere that packages need: as their lock files say, where there are such. */
async function externalImages({ nodes }: Graph, puller: BuildOptions['puller']): Promise<Images> {
  const locks = await readImagesLocks(nodes);
  const place = ({ pkg }: Node) => (locks.has(pkg.dir) ? pkg.dir : '');
  const found = new Map<string, StoredImage>();
  const key = (at: string, { reference, arch }: Pick<Need, 'reference' | 'arch'>) =>
    [at, reference, arch].join(' ');
  for (const [at, own] of Map.groupBy(nodes, place)) {
    const lock = locks.get(at);
    const needs = own.flatMap((node) => node.needs.filter(({ pkg }) => pkg === undefined));
    const images = await pullNeeds({ ...puller, ...(lock && { pin: pinBy(lock) }) }, needs);
    for (const { image, ...need } of images) found.set(key(at, need), image);
  }
  return (node, need) => found.get(key(place(node), need))!;
}

/** A package that Debian does not have is named in a file of the user's: tells where. */
function withPlace(error: unknown, debian: readonly DebianNode[]): unknown {
  if (!(error instanceof OsmithError) || error.details.where !== undefined) return error;
  const of = debian.find((node) => error.details.step?.startsWith(`${debianPrefix(node)}/`))?.pkg;
  if (of === undefined) return error;
  const named = error.message.split(' ').map((word) => of.debian.whereOf(word));
  const where = named.find((place) => place !== undefined) ?? builtFor(of).where;
  return new OsmithError(error.code, error.message, { ...error.details, where });
}

export interface Built {
  pkg: AnyPackage;
  arch: string;
  image: StoredImage;
}

/** Builds what has changed; all images of the graph. Says what runs in an emulator. */
export async function buildImages(
  graph: Graph,
  { configFor, host, puller }: BuildOptions,
  run: RunOptions,
): Promise<Built[]> {
  const images = await externalImages(graph, puller);
  const plan = buildPlan(graph, { images, configFor, host });
  for (const text of emulationNotes(graph, host)) run.emit({ type: 'note', text });
  let results: Map<string, Result>;
  try {
    results = await runPlan(plan, run);
  } catch (error) {
    throw withPlace(error, graph.debian);
  }
  return Promise.all(
    [...graph.debian, ...graph.nodes].map(async ({ pkg, arch }) => {
      const made = results.get(buildStep(pkg, arch))!.facts['image'] as unknown as StoredImage;
      const image = { ...made, name: pkg.canonical };
      await rememberImage(run.store, parseReference(pkg.canonical).full, arch, image);
      return { pkg, arch, image };
    }),
  );
}

/** What a build would do, and why. */
export async function buildStatus(
  graph: Graph,
  { configFor, host, puller }: BuildOptions,
  store: Store,
): Promise<StepStatus[]> {
  const images = await externalImages(graph, puller);
  return planStatus(store, buildPlan(graph, { images, configFor, host }));
}
