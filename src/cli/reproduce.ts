/** `osmith reproduce`: makes a finished build again, of what it was made of and in an empty store, and compares all files. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig, type Config } from '../config/index.ts';
import { againReport, type OneBuild } from '../diff/again.ts';
import { textReport } from '../diff/report.ts';
import { unstableSteps } from '../diff/steps.ts';
import { credentialsDir, defaultStoreDir } from '../env.ts';
import { EXIT, OsmithError } from '../errors.ts';
import { sourcesOf } from '../plan/manifest.ts';
import type { Plan } from '../plan/types.ts';
import type { Emit } from '../report/events.ts';
import { count } from '../report/style.ts';
import { checkOut, placeArtifacts } from '../run/artifacts.ts';
import { checkCredentials } from '../run/credentials.ts';
import { lastRun } from '../run/history.ts';
import { requireHost } from '../run/host.ts';
import { fileName, firstDifference } from '../run/key.ts';
import { runPlan, type RunOptions } from '../run/scheduler.ts';
import { openScratch } from '../run/scratch.ts';
import { blobPath, openStore, type Result, type Store } from '../run/store.ts';
import { withReadContext } from './diff-tools.ts';
import { globals, reporterFor } from './globals.ts';
import { readRecordedBuild, type RecordedBuild } from './recorded-build.ts';
import { interruption } from './signals.ts';
import { planOf } from './variant-plan.ts';

interface Flags {
  keep?: string;
}

/** Other inputs that are shown: mostly one comes from another. */
const SHOWN = 3;

export function register(program: Command): void {
  program
    .command('reproduce')
    .description('make a finished build again in an empty store, and compare every file')
    .argument('[dir]', 'where `build` put it', 'out')
    .option('--keep <dir>', 'leave there what was made again')
    .action(async (dir: string, flags: Flags, command: Command) => reproduce(dir, flags, command));
}

/** Which steps ran, and which had their results taken over. */
function watch(emit: Emit) {
  const [started, cached] = [new Set<string>(), new Set<string>()];
  const watched: Emit = (event) => {
    if (event.type === 'step-start') started.add(event.step);
    if (event.type === 'step-cached') cached.add(event.step);
    emit(event);
  };
  const taken = () => [...cached].filter((step) => !started.has(step)).sort();
  return { emit: watched, started, taken };
}

/** Throws E_WORKSPACE if files of the workspace are others than those that the build was made of. */
function checkSources(plan: Plan, { sources }: RecordedBuild, dir: string): void {
  const now = sourcesOf(plan.steps);
  const changed = Object.keys(sources).filter((name) => now[name] !== sources[name]);
  if (changed.length === 0) return;
  throw new OsmithError(
    'E_WORKSPACE',
    `The workspace is not the one of ${dir}: ${changed.join(', ')} changed`,
    {
      hint: 'Check out the files that the build was made of, or build again',
    },
  );
}

/** What goes into the first steps that were not the same, in words. */
async function otherInputs(plan: Plan, first: Store, second: Store): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const step of plan.steps) {
    const [before, after] = [await lastRun(first, plan, step), await lastRun(second, plan, step)];
    if (before === undefined || after === undefined || before.key === after.key) continue;
    found.set(step.id, firstDifference(step, before.parts, after.parts));
    if (found.size === SHOWN) break;
  }
  return found;
}

async function madeAgain(store: Store, plan: Plan, results: ReadonlyMap<string, Result>): Promise<OneBuild> {
  const files = plan.artifacts.map(({ name, step, output }) => {
    const { size, digest } = results.get(step)!.files[output]!;
    return [name, { size, sha256: digest, path: blobPath(store, digest) }] as const;
  });
  const text = async (end: string) => {
    const file = files.find(([name]) => name.endsWith(end))!;
    return readFile(file[1].path, 'utf8');
  };
  const facts = { manifest: await text('manifest.json'), config: await text('.config.ini') };
  return { files: new Map(files), facts };
}

/** The plan and what came of it. */
async function makeAgain(
  { config, localdir }: { config: Config; localdir: string | undefined },
  { built, dir }: { built: RecordedBuild; dir: string },
  options: RunOptions,
) {
  const { workspace } = config;
  const { arch, platform, ...others } = config.attributes;
  const attributes = { ...others, ...(platform === arch ? {} : { platform: platform! }) };
  const configFor = (wanted: string) =>
    loadConfig({ workspace, localdir, attributes: { ...attributes, arch: wanted }, set: [] });
  const plan = await planOf(config, { configFor, run: options, version: built.version });
  checkSources(plan, built, dir);
  const credentials = resolve(workspace, config.find('credentials', 'dir')?.trim() || credentialsDir());
  await checkCredentials(plan, credentials);
  const steps = plan.steps.filter(({ stage }) => stage !== 'publish');
  const results = await runPlan({ ...plan, steps }, { ...options, credentials });
  return { plan, results };
}

async function reproduce(dir: string, { keep }: Flags, command: Command): Promise<void> {
  const { workspace, localdir, ...global } = globals(command);
  if (keep !== undefined && resolve(keep) === resolve(dir))
    throw new OsmithError('E_USAGE', `${keep} is the build itself`, {
      hint: 'Name another directory with --keep',
    });
  const built = await readRecordedBuild(dir);
  const attributes = built.variant;
  const config = loadConfig({ workspace, localdir, attributes, set: [], saved: resolve(built.config) });
  await requireHost();
  if (keep !== undefined) await checkOut(resolve(keep));
  const store = await openStore(defaultStoreDir());
  const reporter = reporterFor({ workspace, localdir, ...global });
  const watched = watch(reporter.emit);
  const scratch = await openScratch(store, interruption);
  try {
    const fresh = await openStore(join(scratch.dir, 'store'));
    const run = { store: fresh, recorded: store, workspace, emit: watched.emit, signal: interruption };
    const { plan, results } = await makeAgain({ config, localdir }, { built, dir }, run);
    if (keep !== undefined) await placeArtifacts(fresh, plan, results, resolve(keep), interruption);
    const ids = new Map([...watched.started].map((id) => [fileName(id), id]));
    const unstable = (await unstableSteps(store, fresh)).map((step) => ({
      ...step,
      file: ids.get(step.file) ?? step.file,
    }));
    const request = {
      ...{ name: dir, built, again: await madeAgain(fresh, plan, results), unstable },
      inputs: await otherInputs(plan, store, fresh),
    };
    const report = await withReadContext(
      () => config,
      reporter.emit,
      (context) => againReport(request, context),
    );
    reporter.close();
    const taken = watched.taken();
    const line = { type: 'reproduce', dir, ...report, made: watched.started.size, taken };
    const recorded = taken.length === 0 ? '' : `; taken as recorded: ${taken.join(' ')}`;
    const human = `${textReport(report)}${count(watched.started.size, 'step')} ran${recorded}\n`;
    process.stdout.write(global.json ? `${JSON.stringify(line)}\n` : human);
    if (!report.equal) process.exitCode = EXIT.verify;
  } finally {
    reporter.close();
    await scratch.release();
  }
}
