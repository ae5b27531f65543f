/** The stages of a build, and which of its steps a choice of stages leaves. */
import { nearest } from '../config/nearest.ts';
import { OsmithError } from '../errors.ts';
import type { Plan, Step } from './types.ts';

/** In the order in which they build on each other. */
export const STAGES = [
  'init',
  'programs',
  'bootstrap',
  'refine',
  'content',
  'image',
  'package',
  'manifest',
  'publish',
] as const;
type Stage = (typeof STAGES)[number];

export interface StageChoice {
  from?: string;
  to?: string;
  only?: string;
  /** Everything but publishing. */
  dryRun?: boolean;
}

export interface Selection {
  /** The steps up to the last chosen stage. */
  plan: Plan;
  /** First chosen stage; absent: the first of all. */
  from?: string;
  /** Steps before the first chosen stage: they must have been made. */
  isBefore: (step: Step) => boolean;
  /** Steps that were asked for by the name of their stage: they are made even if the store has their results. */
  isAsked: (step: Step) => boolean;
  /** Whether the plan makes all artifacts and the manifest. */
  complete: boolean;
}

function stageIndex(option: string, name: string): number {
  const index = STAGES.indexOf(name as Stage);
  if (index >= 0) return index;
  const meant = nearest(name, STAGES);
  throw new OsmithError('E_USAGE', `${option}: there is no stage ${name}`, {
    hint: `${meant === undefined ? '' : `Did you mean ${meant}? `}Stages: ${STAGES.join(' ')}`,
  });
}

function checkChoice({ from, to, only, dryRun }: StageChoice): void {
  const fail = (message: string, hint?: string) => {
    throw new OsmithError('E_USAGE', message, { hint });
  };
  if (only !== undefined && (from ?? to) !== undefined) {
    fail('--only cannot be given with --from or --to', '--only STAGE is --from STAGE --to STAGE');
  }
  if (dryRun && [from, to, only].includes('publish'))
    fail('--dry-run publishes nothing: leave one of both out');
}

/** The part of a plan between two stages. Throws E_USAGE for a choice that means nothing. */
export function selectStages(plan: Plan, choice: StageChoice): Selection {
  checkChoice(choice);
  const { from = choice.only, to = choice.only } = choice;
  const option = (name: string) => (choice.only === undefined ? `--${name}` : '--only');
  const first = from === undefined ? 0 : stageIndex(option('from'), from);
  const given = to === undefined ? STAGES.length - 1 : stageIndex(option('to'), to);
  const last = choice.dryRun ? Math.min(given, STAGES.indexOf('manifest')) : given;
  if (first > last) {
    throw new OsmithError('E_USAGE', `--from ${from} comes after --to ${to}`, {
      hint: `The order is ${STAGES.join(' ')}`,
    });
  }
  const index = ({ stage }: Step) => STAGES.indexOf(stage as Stage);
  const steps = plan.steps.filter((step) => index(step) <= last);
  const isAsked = (step: Step) => from !== undefined && index(step) >= first;
  if (from !== undefined && !steps.some(isAsked)) {
    throw new OsmithError('E_USAGE', `This variant has nothing to do in the stage ${from}`, {
      hint: `\`osmith plan\` shows its stages: ${[...new Set(plan.steps.map(({ stage }) => stage))].join(' ')}`,
    });
  }
  const complete = last >= STAGES.indexOf('manifest');
  return {
    plan: { ...plan, steps, artifacts: complete ? plan.artifacts : [] },
    ...(from === undefined ? {} : { from }),
    isBefore: (step) => index(step) < first,
    isAsked,
    complete,
  };
}
