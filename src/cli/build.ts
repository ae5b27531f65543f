/** `osmith build`: plan, run, place the artifacts. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { defaultStoreDir } from '../env.ts';
import type { OsmithError } from '../errors.ts';
import { makePlan } from '../plan/index.ts';
import type { Step } from '../plan/types.ts';
import { checkOut, lockOutput, placeArtifacts } from '../run/artifacts.ts';
import type { Environment, Job } from '../run/context.ts';
import { requireHost } from '../run/host.ts';
import { startSandbox } from '../run/sandbox.ts';
import { runPlan } from '../run/scheduler.ts';
import { openStore } from '../run/store.ts';
import { globals, reporterFor, wholeNumber } from './globals.ts';
import { interruption } from './signals.ts';
import { addVariantOptions, loadVariant } from './variant.ts';

interface BuildOptions {
  out: string;
  refresh?: boolean;
  shellOnFailure?: boolean;
  lockTimeout: number;
}

export function register(program: Command): void {
  const command = program.command('build').description('build a variant: its artifacts and manifest.json');
  addVariantOptions(command)
    .option('--out <dir>', 'where the artifacts go', 'out')
    .option('--refresh', 'look for newer packages at the mirror')
    .option(
      '--lock-timeout <seconds>',
      'how long to wait for another build that writes to the same place',
      wholeNumber,
      600,
    )
    .option('--shell-on-failure', 'open a shell in the sandbox of a step that fails')
    .action(async (_branch: string | undefined, options: BuildOptions) => build(command, options));
}

function isResolve(step: Step): boolean {
  return step.kind === 'resolve';
}

/** A shell where the failed program ran. */
async function openShell(job: Job, error: OsmithError, { store }: Environment): Promise<void> {
  if (job.sandbox === undefined || error.code === 'E_INTERRUPTED') return;
  process.stderr.write(`\n${error.message}\nShell in the sandbox of ${job.step.id}; exit ends it.\n`);
  const shell = await startSandbox(
    {
      ...{ ...job.sandbox, store: store.dir },
      argv: ['/bin/sh', '-i'],
      env: { ...job.sandbox.env, TERM: 'xterm', PS1: `${job.step.id} # ` },
      stdio: ['inherit', 'inherit', 'inherit'],
      foreground: true,
    },
    job.dir,
  );
  await shell.exit;
}

async function build(command: Command, options: BuildOptions): Promise<void> {
  const config = loadVariant(command);
  const plan = makePlan(config);
  // Through a symbolic link to where it leads: the directory is replaced, not the link.
  const out = await realpath(options.out).catch(() => resolve(options.out));
  await requireHost();
  const store = await openStore(defaultStoreDir());
  const global = globals(command);
  const reporter = reporterFor(global);
  const shell = options.shellOnFailure === true && process.stdin.isTTY;
  const lock = await lockOutput(store, out, {
    seconds: options.lockTimeout,
    signal: interruption,
    onWait: () => reporter.emit({ type: 'note', text: `Waiting: another build writes to ${out}` }),
  });
  try {
    await checkOut(out);
    const results = await runPlan(plan, {
      store,
      workspace: config.workspace,
      emit: reporter.emit,
      signal: interruption,
      ...(options.refresh ? { again: isResolve } : {}),
      ...(shell && {
        onFailure: async (job, error, environment) => {
          reporter.pause();
          await openShell(job, error, environment);
          reporter.resume();
        },
      }),
    });
    const { artifacts, changed } = await placeArtifacts(store, plan, results, out, interruption);
    reporter.close();
    if (global.json) {
      process.stdout.write(`${JSON.stringify({ type: 'artifacts', out, changed, artifacts })}\n`);
      return;
    }
    const lines = artifacts.map(({ name, size }) => `  ${(size / 1e6).toFixed(1).padStart(8)} MB  ${name}`);
    process.stdout.write(`${out}${changed ? '' : ' (unchanged)'}\n${lines.join('\n')}\n`);
  } finally {
    await lock.release();
    reporter.close();
  }
}
