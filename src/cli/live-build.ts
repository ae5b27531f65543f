/** `osmith build --live-update`: changes the images of the last build where they differ from what would be built now. */
import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import type { DiskLayout } from '../disk/layout.ts';
import { defaultStoreDir, now } from '../env.ts';
import type { LiveBuild } from '../live/inspect.ts';
import { openWorkshop, updateImage, type LiveContext, type LiveResult } from '../live/update.ts';
import { wantedTree, type Part } from '../live/tree.ts';
import { LIVE, livePlan, type LivePlan } from '../plan/live.ts';
import { toolsSteps } from '../plan/tools.ts';
import type { Plan, Step } from '../plan/types.ts';
import type { Emit } from '../report/events.ts';
import { count } from '../report/style.ts';
import { lastRun } from '../run/history.ts';
import { requireHost } from '../run/host.ts';
import { runPlan, type RunOptions } from '../run/scheduler.ts';
import { lazyScratch } from '../run/scratch.ts';
import { blobPath, hasBlob, openStore, readResult, type Result, type Store } from '../run/store.ts';
import { checkoutAll } from '../run/trees.ts';
import type { ListedText } from '../steps/compose-list/run.ts';
import { sandboxTools } from '../vm/sandbox-tools.ts';
import type { Tools } from '../vm/tools.ts';
import { globals, reporterFor } from './globals.ts';
import {
  amendManifest,
  both,
  checkManifest,
  hold,
  imagesIn,
  type Held,
  type Manifest,
} from './live-images.ts';
import { interruption } from './signals.ts';
import { variantPlan } from './variant-plan.ts';
import { loadVariant } from './variant.ts';

interface LiveOptions {
  out: string;
}

/** Waits until no other build uses the variant or the output directory. */
export type LockAll = (
  about: { config: Config; store: Store; emit: Emit },
  out: string,
) => Promise<{ release(): Promise<void> }>;

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

/** The build's tools, which need not wait for its plan. */
async function toolsOf(config: Config, run: RunOptions, scratch: string): Promise<Tools> {
  const { steps, tools } = toolsSteps(config, config.attributes['arch']!);
  if (tools.tools === undefined) return sandboxTools(run.store, 'host', scratch);
  const results = await runPlan({ name: 'tools', steps, artifacts: [] }, run);
  const digests = results.get(tools.tools)!.trees['tree']!.layers.map(({ digest }) => digest);
  return sandboxTools(run.store, await checkoutAll(run.store, scratch, digests, interruption), scratch);
}

/** Images with what they are changed with. */
async function withWorkshops(holding: Promise<Held>, context: LiveContext) {
  const held = await holding;
  const images = await Promise.all(
    held.images.map(async (image) => ({ image, workshop: await openWorkshop(image, context) })),
  );
  const release = async () => {
    await Promise.all(images.map(({ workshop }) => workshop.close()));
    await held.release();
  };
  return { ...held, images, release };
}

/** False: there is no image yet. */
export async function liveBuild(command: Command, options: LiveOptions, lockAll: LockAll): Promise<boolean> {
  const start = now();
  const out = await realpath(options.out).catch(() => resolve(options.out));
  if ((await imagesIn(out)).length === 0) return false;
  const config = loadVariant(command);
  await checkManifest(out, config);
  await requireHost();
  const store = await openStore(defaultStoreDir());
  const global = globals(command);
  const reporter = reporterFor(global);
  const { emit } = reporter;
  const stopped = new AbortController();
  const signal = AbortSignal.any([interruption, stopped.signal]);
  const run: RunOptions = { store, workspace: config.workspace, emit, signal };
  const scratch = lazyScratch(store, interruption);
  try {
    const holding = hold(out, config, lockAll({ config, store, emit }, out));
    const making = variantPlan(command, config, run).then(async (plan) => ({
      ...{ plan, made: await make(plan, run) },
    }));
    making.catch(() => {}); // told to who waits for it
    const dir = await scratch.dir();
    const tools = toolsOf(config, run, dir);
    tools.catch(() => {}); // told to who waits for it
    const context: LiveContext = { store, scratch: dir, signal: interruption, tools };
    const [held, { plan, made }] = await both(withWorkshops(holding, context), making, () => stopped.abort());
    try {
      if (held.images.length === 0) return false;
      const build = await buildOf(plan, made, held.manifest, store);
      const done: LiveResult[] = [];
      for (const { image, workshop } of held.images) {
        const result = await updateImage(image, workshop, build, context);
        if (result.changed) await amendManifest(out, held.manifest, basename(image.file));
        done.push(result);
      }
      reporter.close();
      print(done, now() - start, global.json);
    } finally {
      await held.release();
    }
    return true;
  } finally {
    reporter.close();
    await scratch.release();
  }
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

function print(done: readonly LiveResult[], ms: number, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ type: 'live', ms, images: done })}\n`);
    return;
  }
  for (const { file, changed, paths, kept } of done) {
    const what = changed ? `${count(paths, 'path')} changed; equal to a full build` : 'unchanged';
    const also = kept.length > 0 ? `; kept: ${kept.join(', ')}` : '';
    process.stdout.write(`${file}: ${what}${also}\n`);
  }
  process.stdout.write(`${(ms / 1000).toFixed(1)} s\n`);
}
