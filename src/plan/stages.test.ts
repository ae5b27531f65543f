/** Choosing stages: which steps are left, which were asked for, and choices that mean nothing. */
import { expect, test } from 'vitest';
import { selectStages, STAGES, type StageChoice } from './stages.ts';
import type { Plan, Step } from './types.ts';

const step = (stage: string): Step => ({ id: `${stage}/a`, kind: 'hook', stage, params: {}, inputs: {} });
const plan = (stages: readonly string[] = STAGES): Plan => ({
  ...{ name: 'p', steps: stages.map(step) },
  artifacts: [{ name: 'manifest.json', step: 'manifest/a', output: 'manifest' }],
});

function chosen(choice: StageChoice): { before: string; asked: string; kept: string; artifacts: number } {
  const selection = selectStages(plan(), choice);
  const { steps, artifacts } = selection.plan;
  const names = (some: Step[]) => some.map(({ stage }) => stage[0]).join('');
  return {
    kept: names(steps),
    before: names(steps.filter(selection.isBefore)),
    asked: names(steps.filter(selection.isAsked)),
    artifacts: artifacts.length,
  };
}

// init programs bootstrap refine content image package manifest publish
test.each<[StageChoice, string, string, string, number]>([
  [{}, 'ipbrcipmp', '', '', 1],
  [{ dryRun: true }, 'ipbrcipm', '', '', 1],
  [{ to: 'manifest' }, 'ipbrcipm', '', '', 1],
  [{ to: 'refine' }, 'ipbr', '', '', 0],
  [{ to: 'package', dryRun: true }, 'ipbrcip', '', '', 0],
  [{ from: 'image' }, 'ipbrcipmp', 'ipbrc', 'ipmp', 1],
  [{ from: 'image', dryRun: true }, 'ipbrcipm', 'ipbrc', 'ipm', 1],
  [{ from: 'init' }, 'ipbrcipmp', '', 'ipbrcipmp', 1],
  [{ from: 'refine', to: 'content' }, 'ipbrc', 'ipb', 'rc', 0],
  [{ only: 'content' }, 'ipbrc', 'ipbr', 'c', 0],
  [{ only: 'publish' }, 'ipbrcipmp', 'ipbrcipm', 'p', 1],
])('%o', (choice, kept, before, asked, artifacts) => {
  expect(chosen(choice)).toEqual({ kept, before, asked, artifacts });
});

test.each<[StageChoice, RegExp]>([
  [{ from: 'publish', dryRun: true }, /--dry-run/],
  [{ from: 'manifest', to: 'image' }, /after/],
  [{ only: 'image', from: 'image' }, /--only/],
  [{ to: 'error' }, /no stage error/],
  [{ only: '' }, /no stage/],
])('%o is refused', (choice, message) => {
  const error = { code: 'E_USAGE', message: expect.stringMatching(message) as string };
  expect(() => selectStages(plan(), choice)).toThrow(expect.objectContaining(error));
});

test('a stage without steps cannot be asked for, but can be the last', () => {
  const small = plan(['init', 'refine', 'manifest']);
  expect(() => selectStages(small, { only: 'content' })).toThrow(/nothing to do in the stage content/);
  expect(() => selectStages(small, { from: 'publish' })).toThrow(/nothing to do/);
  expect(selectStages(small, { to: 'image' }).plan.steps).toHaveLength(2);
});
