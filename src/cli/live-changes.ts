/** The changes of a live update: plans the build, makes what it takes, and updates the images. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import type { DiskLayout } from '../disk/layout.ts';
import type { LiveBuild } from '../live/inspect.ts';
import { wantedTree, type Part } from '../live/tree.ts';
import { updateImage, type LiveResult } from '../live/update.ts';
import type { LiveContext, Workshop } from '../live/workshop.ts';
import { LIVE, livePlan, type LivePlan } from '../plan/live.ts';
import type { Plan, Step } from '../plan/types.ts';
import { lastRun } from '../run/history.ts';
import { runPlan, type RunOptions } from '../run/scheduler.ts';
import { blobPath, hasBlob, readResult, type Result, type Store } from '../run/store.ts';
import type { ListedText } from '../steps/compose-list/run.ts';
import { amendManifest, type Held, type Manifest } from './live-images.ts';
import { variantPlan } from './variant-plan.ts';

interface Request {
  command: Command;
  config: Config;
  run: RunOptions;
  /** Where the images lie. */
  out: string;
  held: Held;
  /** One for each image. */
  workshops: readonly Workshop[];
  context: LiveContext;
}

/** Updates the images, one after the other. */
export async function updateAll(request: Request): Promise<LiveResult[]> {
  const { command, config, run, out, held, workshops, context } = request;
  const plan = await variantPlan(command, config, run);
  const build = await buildOf(plan, await make(plan, run), held.manifest, run.store);
  const done: LiveResult[] = [];
  for (const [i, image] of held.images.entries()) {
    const result = await updateImage(image, workshops[i]!, build, context);
    if (result.changed) await amendManifest(out, held.manifest, basename(image.file));
    done.push(result);
  }
  return done;
}

/** The root file system that the last full build of the variant made, if it has this identity; else that of any build. */
async function builtRoot({ store, plan, rootfs }: Built, uuid: string): Promise<string | undefined> {
  const last = await lastRun(store, plan, rootfs);
  const dir = join(store.dir, 'results');
  const first = last === undefined ? [] : [`${last.key}.json`];
  for (const name of [...first, ...(await readdir(dir))]) {
    const file = join(dir, name);
    if (!(await readFile(file, 'utf8').catch(() => '')).includes(uuid)) continue;
    const result = await readResult(file);
    if (typeof result !== 'object' || result.facts['uuid'] !== uuid) continue;
    const image = result.files['image'];
    if (image !== undefined && (await hasBlob(store, image))) return blobPath(store, image.digest);
  }
  return undefined;
}

async function partsOf(
  { parts }: LivePlan,
  results: ReadonlyMap<string, Result>,
  store: Store,
): Promise<Part[]> {
  return Promise.all(
    parts.map(async ({ item, step }): Promise<Part> => {
      if (step === undefined) return { item };
      const file = blobPath(store, results.get(step)!.files['list']!.digest);
      return { item, list: JSON.parse(await readFile(file, 'utf8')) as ListedText[] };
    }),
  );
}

interface Built {
  store: Store;
  plan: Plan;
  rootfs: Step;
}

interface Made {
  live: LivePlan;
  results: ReadonlyMap<string, Result>;
}

async function make(plan: Plan, run: RunOptions): Promise<Made> {
  const live = livePlan(plan);
  return { live, results: await runPlan(live.plan, run) };
}

/** What the images are to become. */
async function buildOf(
  plan: Plan,
  { live, results }: Made,
  manifest: Manifest,
  store: Store,
): Promise<LiveBuild> {
  const blob = (step: string, output: string) => blobPath(store, results.get(step)!.files[output]!.digest);
  return {
    variant: plan.variant ?? plan.name,
    tree: wantedTree(await partsOf(live, results, store)),
    builtRoot: (uuid) => builtRoot({ store, plan, rootfs: live.rootfs }, uuid),
    builtConfig: manifest.artifacts.find(({ name }) => name.endsWith('.config.img'))?.sha256,
    frameDigest: results.get(LIVE.frame)!.files['raw']!.digest,
    ...{ frame: blob(LIVE.frame, 'raw'), config: blob(LIVE.config, 'image') },
    layout: live.disk.params['layout'] as unknown as DiskLayout,
    slot: live.disk.params['slot'] as string,
  };
}
