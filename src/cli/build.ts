/** `osmith build`: plan, run, place the artifacts, publish them. */
import { realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { credentialsDir, defaultStoreDir, uniqueName } from '../env.ts';
import { OsmithError, toOsmithError } from '../errors.ts';
import { makePlan } from '../plan/index.ts';
import { selectStages, type Selection } from '../plan/stages.ts';
import type { Step } from '../plan/types.ts';
import type { Emit } from '../report/events.ts';
import { openLogFile } from '../report/log-file.ts';
import type { Reporter } from '../report/reporter.ts';
import { checkOut, placeArtifacts, type PlacedArtifact } from '../run/artifacts.ts';
import { lockBuild } from '../run/build-lock.ts';
import { checkCredentials } from '../run/credentials.ts';
import { requireHost } from '../run/host.ts';
import type { Lock } from '../run/lock.ts';
import { runPlan, type RunOptions } from '../run/scheduler.ts';
import { planStatus } from '../run/status.ts';
import { openStore, type Result, type Store } from '../run/store.ts';
import { runErrorGroup } from './error-group.ts';
import { openShell } from './failure-shell.ts';
import { globals, reporterFor, wholeNumber } from './globals.ts';
import { interruption } from './signals.ts';
import { addStageOptions, checkBefore, stageChoice } from './stage-options.ts';
import { addVariantOptions, loadVariant } from './variant.ts';

interface BuildOptions {
  out: string;
  refresh?: boolean;
  shellOnFailure?: boolean;
  lockTimeout: number;
}

export function register(program: Command): void {
  const command = program.command('build').description('build a variant: its artifacts and manifest.json');
  addStageOptions(addVariantOptions(command))
    .option('--out <dir>', 'where the artifacts go', 'out')
    .option('--refresh', 'look for newer packages at the mirror, and fetch content again')
    .option(
      '--lock-timeout <seconds>',
      'how long to wait for another build of the same variant or to the same place',
      wholeNumber,
      600,
    )
    .option('--shell-on-failure', 'open a shell in the sandbox of a step that fails')
    .action(async (_branch: string | undefined, options: BuildOptions) => build(command, options));
}

/** All that the parts of a build share. */
interface Session {
  config: Config;
  store: Store;
  options: BuildOptions;
  reporter: Reporter;
  /** To the reporter and the log of the build. */
  emit: Emit;
  /** By step, filled as the build goes on. */
  results: Map<string, Result>;
  credentials: string;
}

interface Built {
  out: string;
  changed: boolean;
  artifacts: PlacedArtifact[];
}

/** Steps that ask the network for what is new. */
function asksOutside(step: Step): boolean {
  return (
    step.kind === 'resolve' ||
    step.kind === 'ostree-resolve' ||
    (step.stage === 'content' && step.network === true)
  );
}

function select(command: Command, config: Config, { refresh }: BuildOptions): Selection {
  const selection = selectStages(makePlan(config), stageChoice(command));
  const left = refresh && selection.plan.steps.find((step) => asksOutside(step) && selection.isBefore(step));
  if (!left) return selection;
  throw new OsmithError(
    'E_USAGE',
    `--refresh asks again what --from ${selection.from} takes as it is: ${left.id}`,
    {
      hint: `Leave one of both out, or begin with --from ${left.stage}`,
    },
  );
}

/** The command line for those who wait, without the values of settings. */
function commandLine(): string {
  const hidden = process.argv.slice(2).map((word, index, all) => {
    if (all[index - 1] === '--set') return word.replace(/=.*/s, '=...');
    return word.startsWith('--set=') ? word.replace(/^(--set=[^=]*)=.*/s, '$1=...') : word;
  });
  return ['osmith', ...hidden].join(' ');
}

async function lockAll({ config, store, options, emit }: Session, out: string): Promise<Lock> {
  const common = {
    ...{ command: commandLine(), seconds: options.lockTimeout, signal: interruption },
    onWait: (text: string) => emit({ type: 'note', text }),
  };
  const names = Object.values(config.attributes).join(' ');
  const variant = await lockBuild(store, {
    ...{ ...common, kind: 'variant', thing: JSON.stringify([config.workspace, config.attributes]) },
    name: `the variant ${names}`,
    hint: 'Wait for it, or wait longer with --lock-timeout SECONDS',
  });
  try {
    const place = await lockBuild(store, {
      ...{ ...common, kind: 'out', thing: out, name: out },
      hint: 'Wait for it, name another directory with --out, or wait longer with --lock-timeout SECONDS',
    });
    return { release: async () => void (await Promise.all([place.release(), variant.release()])) };
  } catch (error) {
    await variant.release();
    throw error;
  }
}

function runOptions(session: Session, { isAsked }: Selection): RunOptions {
  const { config, store, options, reporter, emit, results, credentials } = session;
  const shell = options.shellOnFailure === true && process.stdin.isTTY;
  return {
    ...{ store, workspace: config.workspace, emit, results, credentials, signal: interruption },
    again: (step) => isAsked(step) || (options.refresh === true && asksOutside(step)),
    ...(shell && {
      onFailure: async (job, error, environment) => {
        reporter.pause();
        await openShell(job, error, environment);
        reporter.resume();
      },
    }),
  };
}

/** Undefined if the artifacts were not among the chosen stages. */
async function buildVariant(command: Command, session: Session): Promise<Built | undefined> {
  const { config, store, options, results, credentials } = session;
  const selection = select(command, config, options);
  const { plan } = selection;
  await checkCredentials(plan, credentials);
  // Through a symbolic link to where it leads: the directory is replaced, not the link.
  const out = await realpath(options.out).catch(() => resolve(options.out));
  const lock = await lockAll(session, out);
  try {
    if (selection.from !== undefined) checkBefore(selection, await planStatus(store, plan));
    if (selection.complete) await checkOut(out);
    const isPublish = ({ stage }: Step) => stage === 'publish';
    const settings = runOptions(session, selection);
    await runPlan({ ...plan, steps: plan.steps.filter((step) => !isPublish(step)) }, settings);
    // Before they are published: if that fails, they are there all the same.
    const placed = selection.complete
      ? { out, ...(await placeArtifacts(store, plan, results, out, interruption)) }
      : undefined;
    const publish = plan.steps.filter(isPublish);
    if (publish.length > 0) await runPlan({ ...plan, steps: publish }, settings);
    return placed;
  } finally {
    await lock.release();
  }
}

async function build(command: Command, options: BuildOptions): Promise<void> {
  const config = loadVariant(command);
  await requireHost();
  const store = await openStore(defaultStoreDir());
  const global = globals(command);
  const reporter = reporterFor(global);
  const log = openLogFile(join(store.dir, 'logs', `build-${uniqueName()}.log`));
  const emit: Emit = (event) => {
    reporter.emit(event);
    log.emit(event);
  };
  const results = new Map<string, Result>();
  const credentials = config.find('credentials', 'dir')?.trim() || credentialsDir();
  try {
    const built = await buildVariant(command, {
      ...{ config, store, options, reporter, emit, results },
      credentials: resolve(config.workspace, credentials),
    });
    reporter.close();
    print(built, global.json);
  } catch (thrown) {
    const error = toOsmithError(thrown);
    log.emit({ type: 'note', text: `error[${error.code}]: ${error.message}` });
    await log.close();
    await runErrorGroup({
      ...{ config, store, error, results, emit: reporter.emit, signal: interruption },
      ...{ log: log.file, credentials: resolve(config.workspace, credentials) },
    });
    throw thrown;
  } finally {
    await log.close();
    reporter.close();
  }
}

function print(built: Built | undefined, json: boolean): void {
  if (built === undefined) return;
  const { out, changed, artifacts } = built;
  if (json) {
    process.stdout.write(`${JSON.stringify({ type: 'artifacts', out, changed, artifacts })}\n`);
    return;
  }
  const lines = artifacts.map(({ name, size }) => `  ${(size / 1e6).toFixed(1).padStart(8)} MB  ${name}`);
  process.stdout.write(`${out}${changed ? '' : ' (unchanged)'}\n${lines.join('\n')}\n`);
}
