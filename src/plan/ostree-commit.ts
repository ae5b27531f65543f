/** Steps that bring the commit: made of a tree, or from a remote repository. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import type { MakeStep } from './disk-formats.ts';
import { activeHooks } from './hooks.ts';
import { keysInput, ostreeText, requireKeys } from './ostree-options.ts';
import type { Input, Step, StepInput } from './types.ts';

function from(id: string, output: string): StepInput {
  return { step: `package/${id}`, output };
}

/** The two steps that bring a commit from a remote repository: only the first one looks for which one it is. */
function pullSteps(
  step: MakeStep,
  [resolve, pull]: [string, string],
  source: { url: string; mirror: string; ref: string; gpgVerify: boolean; p2p: boolean },
  keys: Record<string, Input>,
): Step[] {
  return [
    { ...step(resolve, 'ostree-resolve', source, keys), network: true },
    { ...step(pull, 'ostree-pull', source, { ...keys, commit: from(resolve, 'commit') }), network: true },
  ];
}

/** The commit of the last release, which machines have, where there is one. */
function previousSteps(config: Config, step: MakeStep, ref: string): Step[] {
  const url = ostreeText(config, 'previous_url');
  if (url === '') return [];
  requireKeys(config, 'previous_url');
  const source = { url, mirror: '', ref, gpgVerify: config.bool('ostree', 'gpg_verify'), p2p: false };
  return pullSteps(step, ['previous', 'previous-repo'], source, keysInput(config));
}

/** Branch of the commit, and the one that machines follow. */
export interface Refs {
  ref: string;
  refDeploy: string;
}

function publishParams(config: Config, { refDeploy }: Refs): { refDeploy: string; scratchDelta: boolean } {
  return { refDeploy, scratchDelta: config.bool('ostree', 'scratch_delta') };
}

/** A commit that was made elsewhere, in place of one of packages. */
export function pulledSteps(config: Config, step: MakeStep, refs: Refs): Step[] {
  requireKeys(config, 'pull_url');
  for (const group of ['content', 'image', 'manifest'] as const) {
    const hooks = activeHooks(config, group);
    if (hooks.length === 0) continue;
    throw new OsmithError(
      'E_CONFIG',
      `${group}.hooks cannot change a system that comes from ostree.pull_url: ${hooks.join(' ')}`,
      {
        where: config.where(group, 'hooks'),
        hint: 'Take the hooks, or the options that they are for, away, or make the commit here',
      },
    );
  }
  const source = {
    ...{ url: ostreeText(config, 'pull_url'), mirror: ostreeText(config, 'pull_mirror'), ref: refs.ref },
    gpgVerify: config.bool('ostree', 'gpg_verify'),
    p2p: config.bool('ostree', 'enable_p2p_updates'),
  };
  const published = { signingKey: '', previous: false, ...publishParams(config, refs) };
  return [
    ...pullSteps(step, ['resolve', 'commit'], source, keysInput(config)),
    step('publish', 'ostree-publish', published, { repo: from('commit', 'repo') }),
  ];
}

/** Commit, and the repository that is published. */
export function commitSteps(config: Config, step: MakeStep, refs: Refs, root: StepInput): Step[] {
  const previous = previousSteps(config, step, refs.refDeploy);
  const parent = previous.length > 0;
  const signingKey = ostreeText(config, 'signing_key');
  if (signingKey !== '') requireKeys(config, 'signing_key');
  const commit = {
    ...{ ...refs, subject: config.get('image', 'title'), version: ostreeText(config, 'version') },
    ...{ collectionId: ostreeText(config, 'collection_id'), parent },
  };
  return [
    ...previous,
    step('commit', 'ostree-commit', commit, {
      root,
      ...(parent ? { parent: from('previous', 'commit') } : {}),
    }),
    {
      ...step(
        'publish',
        'ostree-publish',
        { signingKey, previous: parent, ...publishParams(config, refs) },
        { repo: from('commit', 'repo'), ...(parent ? { previous: from('previous-repo', 'repo') } : {}) },
      ),
      ...(signingKey === '' ? {} : { credentials: ['gpg'] }),
    },
  ];
}
