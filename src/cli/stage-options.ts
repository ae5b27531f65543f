/** The options that choose stages, shared by `build` and `plan`. */
import type { Command } from 'commander';
import { OsmithError } from '../errors.ts';
import type { Selection, StageChoice } from '../plan/stages.ts';
import type { StepStatus } from '../run/status.ts';

export function addStageOptions(command: Command): Command {
  return command
    .option(
      '--from <stage>',
      'make everything from this stage on again; what is before it must have been built',
    )
    .option('--to <stage>', 'stop after this stage')
    .option('--only <stage>', 'make this stage again, and nothing else')
    .option('-n, --dry-run', 'do everything but publish');
}

/** Of the options of a command. */
export function stageChoice(command: Command): StageChoice {
  return command.opts<StageChoice>();
}

/** Throws E_STAGE if a step before the first chosen stage would have to run. */
export function checkBefore({ from, isBefore }: Selection, statuses: StepStatus[]): void {
  const missing = statuses.filter(({ step, status }) => isBefore(step) && status !== 'cached');
  const [first] = missing;
  if (from === undefined || first === undefined) return;
  const more = missing.length > 1 ? `, and ${missing.length - 1} more` : '';
  throw new OsmithError(
    'E_STAGE',
    `The stage ${from} cannot begin: ${first.step.id} would have to run first (${first.reason})${more}`,
    { hint: `Build that too: leave --from or --only out, or begin with --from ${first.step.stage}` },
  );
}
