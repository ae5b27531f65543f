/** A build: plan, run, place the artifacts, publish them. */
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { credentialsDir, defaultStoreDir, uniqueName } from '../env.ts';
import { OsmithError, toOsmithError } from '../errors.ts';
import { stepsFor } from '../plan/assemble.ts';
import { selectStages, type Selection } from '../plan/stages.ts';
import type { Plan, Step } from '../plan/types.ts';
import type { Emit } from '../report/events.ts';
import { openLogFile, type LogFile } from '../report/log-file.ts';
import type { Reporter } from '../report/reporter.ts';
import { checkOut, placeArtifacts, type PlacedArtifact } from '../run/artifacts.ts';
import { checkCredentials } from '../run/credentials.ts';
import { requireHost } from '../run/host.ts';
import { knownSecrets, mask } from '../run/mask.ts';
import { runPlan, type RunOptions } from '../run/scheduler.ts';
import { planStatus } from '../run/status.ts';
import { openStore, type Result, type Store } from '../run/store.ts';
import { auditBuild } from './build-audit.ts';
import { commandLine, lockAll } from './build-locks.ts';
import type { BuildOptions } from './build.ts';
import { runErrorGroup } from './error-group.ts';
import { openShell } from './failure-shell.ts';
import { globals, reporterFor } from './globals.ts';
import { interruption } from './signals.ts';
import { checkBefore, stageChoice } from './stage-options.ts';
import { variantPlan } from './variant-plan.ts';
import { loadVariant } from './variant.ts';

/** All that the parts of a build share. */
interface Session {
  config: Config;
  store: Store;
  options: BuildOptions;
  reporter: Reporter;
  /** To the reporter and the log of the build. */
  emit: Emit;
  log: LogFile;
  /** By step, filled as the build goes on. */
  results: Map<string, Result>;
  credentials: string;
  /** What is done, once that is known. */
  plan?: Plan;
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

function select(command: Command, plan: Plan, { refresh }: BuildOptions): Selection {
  const selection = selectStages(plan, stageChoice(command));
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

function runOptions(session: Session, { isAsked }: Selection): RunOptions {
  const { config, store, options, reporter, emit, results, credentials } = session;
  const shell = options.shellOnFailure === true && process.stdin.isTTY;
  return {
    ...{ store, workspace: config.workspace, emit, results, credentials, signal: interruption },
    again: (step) => step.first === true || isAsked(step) || (options.refresh === true && asksOutside(step)),
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
  const run = { store, workspace: config.workspace, emit: session.emit, signal: interruption };
  const whole = await variantPlan(command, config, run, options.refresh);
  const selection = select(command, whole, options);
  const { plan } = selection;
  session.plan = plan;
  await checkCredentials(plan, credentials);
  // Through a symbolic link to where it leads: the directory is replaced, not the link.
  const out = await realpath(options.out).catch(() => resolve(options.out));
  const lock = await lockAll({ config, store, emit: session.emit, seconds: options.lockTimeout }, out);
  try {
    if (selection.from !== undefined) checkBefore(selection, await planStatus(store, plan));
    if (selection.complete) await checkOut(out);
    const isPublish = ({ stage }: Step) => stage === 'publish';
    const settings = runOptions(session, selection);
    const first = stepsFor(
      plan.steps,
      plan.steps.filter((step) => step.first).map(({ id }) => id),
    );
    if (first.length > 0) await runPlan({ ...plan, steps: first }, settings);
    const rest = plan.steps.filter((step) => !isPublish(step) && !first.includes(step));
    await runPlan({ ...plan, steps: rest }, settings);
    // Before they are published: if that fails, they are there all the same.
    const placed = selection.complete
      ? { out, ...(await placeArtifacts(store, plan, results, out, interruption)) }
      : undefined;
    const publish = plan.steps.filter(isPublish);
    if (publish.length > 0) await runPlan({ ...plan, steps: publish }, settings);
    if (placed?.changed) await leaveLog(session, out);
    return placed;
  } finally {
    await lock.release();
  }
}

/** What the build printed goes beside what it made, where the configuration says so. */
async function leaveLog({ config, log, credentials }: Session, out: string): Promise<void> {
  if (config.find('release', 'log') === undefined || !config.bool('release', 'log')) return;
  await log.flush();
  const text = await readFile(log.file, 'utf8');
  await writeFile(join(out, 'build.txt'), mask(text, await knownSecrets(config, credentials)));
}

/** Adds the record of the build. */
async function audit(session: Session, result: string, artifacts: PlacedArtifact[] = []): Promise<void> {
  const { config, store, log, results, credentials, plan } = session;
  await log.flush();
  const text = mask(await readFile(log.file, 'utf8'), await knownSecrets(config, credentials));
  await auditBuild({ config, store, plan, results, artifacts, result, command: commandLine(), log: text });
}

/** Builds a variant, places what it made, and publishes it. */
export async function fullBuild(command: Command, options: BuildOptions): Promise<void> {
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
  const session: Session = {
    ...{ config, store, options, reporter, emit, log, results },
    credentials: resolve(config.workspace, credentials),
  };
  try {
    const built = await buildVariant(command, session);
    await audit(session, 'ok', built?.artifacts);
    reporter.close();
    print(built, global.json);
  } catch (thrown) {
    const error = toOsmithError(thrown);
    log.emit({ type: 'note', text: `error[${error.code}]: ${error.message}` });
    await log.close();
    if (error.code !== 'E_AUDIT')
      await audit(session, error.code).catch((fault: unknown) => {
        process.stderr.write(`warning: ${toOsmithError(fault).message}\n`); // the build's own error stays
      });
    await runErrorGroup({
      ...{ config, store, error, results, emit: reporter.emit, signal: interruption },
      ...{ log: log.file, credentials: session.credentials },
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
