/** `osmith build --live-update`: changes the images of the last build where they differ from what would be built now. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import type { Config } from '../config/index.ts';
import type { DiskLayout } from '../disk/layout.ts';
import { defaultStoreDir, now } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { holdImage } from '../live/in-use.ts';
import { updateImage, type LiveBuild, type LiveContext, type LiveResult } from '../live/update.ts';
import { wantedTree, type Part } from '../live/tree.ts';
import { LIVE, livePlan, type LivePlan } from '../plan/live.ts';
import type { Plan } from '../plan/types.ts';
import type { Emit } from '../report/events.ts';
import { count } from '../report/style.ts';
import { requireHost } from '../run/host.ts';
import { runPlan, type RunOptions } from '../run/scheduler.ts';
import { openScratch } from '../run/scratch.ts';
import {
  blobPath,
  hasBlob,
  openStore,
  readResult,
  writeAtomic,
  type Result,
  type Store,
} from '../run/store.ts';
import { checkoutAll } from '../run/trees.ts';
import type { ListedText } from '../steps/compose-list/run.ts';
import { sandboxTools } from '../vm/sandbox-tools.ts';
import { globals, reporterFor } from './globals.ts';
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

/** The images of the output directory that can be changed in place. */
async function imagesIn(out: string, plan: Plan) {
  const found: { name: string; file: string; format: 'raw' | 'qcow2' }[] = [];
  for (const { name } of plan.artifacts) {
    const format = /\.(raw|qcow2)$/.exec(name)?.[1] as 'raw' | 'qcow2' | undefined;
    const file = join(out, name);
    if (format === undefined || (await stat(file).catch(() => undefined)) === undefined) continue;
    found.push({ name, file, format });
  }
  return found;
}

/** The file system that a build of this store made, by its identity, which follows from all that went into it. */
async function builtRoot(store: Store, uuid: string): Promise<string | undefined> {
  const dir = join(store.dir, 'results');
  for (const name of await readdir(dir)) {
    const file = join(dir, name);
    if (!(await readFile(file, 'utf8').catch(() => '')).includes(uuid)) continue;
    const result = await readResult(file);
    if (typeof result !== 'object' || result.facts['uuid'] !== uuid) continue;
    const image = result.files['image'];
    if (image !== undefined && (await hasBlob(store, image))) return blobPath(store, image.digest);
  }
  return undefined;
}

const manifestSchema = z.looseObject({
  variant: z.record(z.string(), z.string()).default({}),
  artifacts: z.array(z.looseObject({ name: z.string(), size: z.number(), sha256: z.string() })),
});
type Manifest = z.infer<typeof manifestSchema>;

async function readManifest(out: string): Promise<Manifest> {
  const file = join(out, 'manifest.json');
  try {
    return manifestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new OsmithError('E_LIVE', `${file} does not say what the images beside it are`, {
      cause,
      hint: 'Build without --live-update',
    });
  }
}

/** Throws E_LIVE if the images are those of another variant. */
function checkVariant(out: string, manifest: Manifest, config: Config): void {
  const [own, other] = [config.attributes, manifest.variant].map((each) =>
    Object.entries(each).sort().join(' '),
  );
  if (own === other) return;
  throw new OsmithError(
    'E_LIVE',
    `${out} holds another variant: ${Object.values(manifest.variant).join(' ')}`,
    {
      hint: 'Name its directory with --out, or build without --live-update',
    },
  );
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

/** The manifest no longer says what the image's file is: its size counts for who boots it. */
async function amendManifest(out: string, manifest: Manifest, changed: string): Promise<void> {
  for (const artifact of manifest.artifacts) {
    if (artifact.name === changed) artifact.size = (await stat(join(out, changed))).size;
  }
  await writeAtomic(
    join(out, 'manifest.json'),
    `${JSON.stringify({ ...manifest, liveUpdate: true }, null, 2)}\n`,
  );
}

async function toolsOf(live: LivePlan, results: ReadonlyMap<string, Result>, store: Store, scratch: string) {
  const { tools } = live.disk;
  if (tools === undefined) return sandboxTools(store, 'host', scratch);
  const digests = results.get(tools)!.trees['tree']!.layers.map(({ digest }) => digest);
  return sandboxTools(store, await checkoutAll(store, scratch, digests, interruption), scratch);
}

/** A lock and what was done meanwhile; the lock is released if that fails. */
async function both<L extends { release(): Promise<void> }, T>(
  locking: Promise<L>,
  work: Promise<T>,
): Promise<[L, T]> {
  const [lock, done] = await Promise.allSettled([locking, work]);
  if (lock.status === 'fulfilled' && done.status === 'fulfilled') return [lock.value, done.value];
  if (lock.status === 'fulfilled') await lock.value.release();
  throw lock.status === 'rejected' ? lock.reason : (done as PromiseRejectedResult).reason;
}

/** False: there is no image yet. */
export async function liveBuild(command: Command, options: LiveOptions, lockAll: LockAll): Promise<boolean> {
  const start = now();
  const config = loadVariant(command);
  await requireHost();
  const store = await openStore(defaultStoreDir());
  const global = globals(command);
  const reporter = reporterFor(global);
  const { emit } = reporter;
  const run: RunOptions = { store, workspace: config.workspace, emit, signal: interruption };
  try {
    const plan = await variantPlan(command, config, run);
    const live = livePlan(plan);
    const out = await realpath(options.out).catch(() => resolve(options.out));
    const images = await imagesIn(out, plan);
    if (images.length === 0) return false;
    const manifest = await readManifest(out);
    checkVariant(out, manifest, config);
    const [lock, results] = await both(lockAll({ config, store, emit }, out), runPlan(live.plan, run));
    try {
      const blob = (step: string, output: string) =>
        blobPath(store, results.get(step)!.files[output]!.digest);
      const scratch = await openScratch(store, interruption);
      try {
        const tools = toolsOf(live, results, store, scratch.dir);
        tools.catch(() => {}); // told to who waits for it
        const tree = wantedTree(await partsOf(live, results, store));
        const build: LiveBuild = {
          ...{ variant: plan.variant ?? plan.name, tree },
          builtRoot: (uuid) => builtRoot(store, uuid),
          builtConfig: manifest.artifacts.find(({ name }) => name.endsWith('.config.img'))?.sha256,
          frameDigest: results.get(LIVE.frame)!.files['raw']!.digest,
          ...{ frame: blob(LIVE.frame, 'raw'), config: blob(LIVE.config, 'image') },
          layout: live.disk.params['layout'] as unknown as DiskLayout,
          slot: live.disk.params['slot'] as string,
        };
        const context: LiveContext = {
          ...{ store, scratch: scratch.dir, signal: interruption },
          tools,
        };
        // Nothing is changed if one of them is in use.
        for (const { file } of images) await (await holdImage(file)).release();
        const done: LiveResult[] = [];
        for (const image of images) {
          const result = await updateImage(image, build, context);
          if (result.changed) await amendManifest(out, manifest, image.name);
          done.push(result);
        }
        reporter.close();
        print(done, now() - start, global.json);
      } finally {
        await scratch.release();
      }
    } finally {
      await lock.release();
    }
    return true;
  } finally {
    reporter.close();
  }
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
