/** `osmith plan`: which steps a build has, which of them will run, and why. */
import type { Command } from 'commander';
import { defaultStoreDir } from '../env.ts';
import { selectStages } from '../plan/stages.ts';
import type { Plan } from '../plan/types.ts';
import { dependencies } from '../run/scheduler.ts';
import { openReporter } from '../report/reporter.ts';
import { planStatus, type StepStatus } from '../run/status.ts';
import { openStore } from '../run/store.ts';
import { globals } from './globals.ts';
import { interruption } from './signals.ts';
import { addStageOptions, checkBefore, stageChoice } from './stage-options.ts';
import { variantPlan } from './variant-plan.ts';
import { addVariantOptions, loadVariant } from './variant.ts';

export function register(program: Command): void {
  const command = program
    .command('plan')
    .description('show the steps of a build: cached or not, and why not');
  addStageOptions(addVariantOptions(command))
    .option('--dot', 'as a graph for Graphviz')
    .action(async (_branch: string | undefined, options: { dot?: boolean }) => {
      const config = loadVariant(command);
      const store = await openStore(defaultStoreDir());
      const { json, debug } = globals(command);
      const reporter = openReporter({ json, debug, stream: process.stderr });
      const run = { store, workspace: config.workspace, emit: reporter.emit, signal: interruption };
      const whole = await variantPlan(command, config, run).finally(() => reporter.close());
      const selection = selectStages(whole, stageChoice(command));
      const { plan } = selection;
      const statuses = await planStatus(store, plan, selection.isAsked);
      checkBefore(selection, statuses);
      process.stdout.write(
        json ? asJson(plan, statuses) : options.dot ? asDot(statuses) : asText(plan, statuses),
      );
    });
}

function asJson(plan: Plan, statuses: StepStatus[]): string {
  const steps = statuses.map(({ step, ...status }) => ({ ...step, ...status }));
  return `${JSON.stringify({ ...plan, steps }, null, 2)}\n`;
}

function asDot(statuses: StepStatus[]): string {
  const colour = { cached: 'palegreen', run: 'salmon', maybe: 'khaki' };
  const nodes = statuses.map(({ step, status }) => {
    return `  ${JSON.stringify(step.id)} [style=filled, fillcolor=${colour[status]}]`;
  });
  const edges = statuses.flatMap(({ step }) =>
    dependencies(step).map((id) => `  ${JSON.stringify(id)} -> ${JSON.stringify(step.id)}`),
  );
  return `digraph plan {\n  rankdir=LR\n  node [shape=box]\n${[...nodes, ...edges].join('\n')}\n}\n`;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '' : `${(ms / 1000).toFixed(1)} s`;
}

function megabytes(size: number | undefined): string {
  return size === undefined ? '' : `${(size / 1e6).toFixed(1)} MB`;
}

function asText(plan: Plan, statuses: StepStatus[]): string {
  const width = Math.max(...statuses.map(({ step }) => step.id.length));
  const lines = statuses.map(({ step, status, reason, ms, size }) => {
    const columns = [
      step.id.padEnd(width),
      status.padEnd(6),
      seconds(ms).padStart(8),
      megabytes(size).padStart(10),
    ];
    return `${columns.join('  ')}  ${reason}`.trimEnd();
  });
  const running = statuses.filter(({ status }) => status !== 'cached');
  const known = running.reduce((sum, { ms }) => sum + (ms ?? 0), 0);
  const fresh = running.filter(({ ms }) => ms === undefined).length;
  const time = `${seconds(known)} by the last runs${fresh > 0 ? `, and ${fresh} without a record` : ''}`;
  const summary =
    running.length === 0 ? 'nothing to do' : `${running.length} of ${statuses.length} steps to run: ${time}`;
  return `${plan.name}\n\n${lines.join('\n')}\n\n${summary}\n`;
}
