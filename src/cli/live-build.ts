/** `osmith build --live-update`: changes the images of the last build where they differ from what would be built now. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { defaultStoreDir, now } from '../env.ts';
import type { LiveResult } from '../live/update.ts';
import { openWorkshop, type LiveContext, type Workshop } from '../live/workshop.ts';
import { toolsSteps } from '../plan/tools.ts';
import { count } from '../report/style.ts';
import { requireHost } from '../run/host.ts';
import { runPlan, type RunOptions } from '../run/scheduler.ts';
import { lazyScratch } from '../run/scratch.ts';
import { openStore } from '../run/store.ts';
import { checkoutAll } from '../run/trees.ts';
import { sandboxTools } from '../vm/sandbox-tools.ts';
import type { Tools } from '../vm/tools.ts';
import { lockAll } from './build-locks.ts';
import type { BuildOptions } from './build.ts';
import { globals, reporterFor } from './globals.ts';
import { checkManifest, hold, imagesIn, type Held } from './live-images.ts';
import { interruption } from './signals.ts';
import { loadVariant } from './variant.ts';

/** The build's tools, which need not wait for its plan. */
async function toolsOf(config: Config, run: RunOptions, opening: Promise<string>): Promise<Tools> {
  const scratch = await opening;
  const { steps, tools } = toolsSteps(config, config.attributes['arch']!);
  if (tools.tools === undefined) return sandboxTools(run.store, 'host', scratch);
  const results = await runPlan({ name: 'tools', steps, artifacts: [] }, run);
  const digests = results.get(tools.tools)!.trees['tree']!.layers.map(({ digest }) => digest);
  return sandboxTools(run.store, await checkoutAll(run.store, scratch, digests, run.signal), scratch);
}

/** False: there is no image yet. */
export async function liveBuild(command: Command, options: BuildOptions): Promise<boolean> {
  const start = now();
  const out = await realpath(options.out).catch(() => resolve(options.out));
  if ((await imagesIn(out)).length === 0) return false;
  await requireHost();
  const store = await openStore(defaultStoreDir());
  const global = globals(command);
  const reporter = reporterFor(global);
  const { emit } = reporter;
  const ended = new AbortController();
  const signal = AbortSignal.any([interruption, ended.signal]);
  const scratch = lazyScratch(store, signal);
  let tools: Promise<Tools> | undefined;
  let held: Held | undefined;
  const workshops: Workshop[] = [];
  try {
    // Programs begin to work before what they need not wait for is read and loaded, which takes a while.
    const opening = scratch.dir();
    opening.catch(() => {}); // told to who waits for it
    const config = loadVariant(command);
    const run: RunOptions = { store, workspace: config.workspace, emit, signal };
    tools = toolsOf(config, run, opening);
    tools.catch(() => {});
    await checkManifest(out, config);
    const dir = await opening;
    held = await hold(out, config, lockAll({ config, store, emit, seconds: options.lockTimeout }, out));
    if (held.images.length === 0) return false;
    const context: LiveContext = { store, scratch: dir, signal, tools };
    for (const image of held.images) workshops.push(await openWorkshop(image, context));
    const { updateAll } = await import('./live-changes.ts');
    const done = await updateAll({ command, config, run, out, held, workshops, context });
    reporter.close();
    print(done, now() - start, global.json);
    return true;
  } finally {
    ended.abort();
    await tools?.catch(() => {});
    await Promise.all(workshops.map((workshop) => workshop.close()));
    await held?.release();
    reporter.close();
    await scratch.release();
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
