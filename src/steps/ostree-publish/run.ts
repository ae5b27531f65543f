/** Makes a repository for a web server: signed commit, static deltas, signed summary. */
import { z } from 'zod';
import { setRefArgv } from '../../ostree/ostree.ts';
import { addCommitArgv, deltaArgv, signArgv, summaryArgv, type Signer } from '../../ostree/publish.ts';
import { OsmithError } from '../../errors.ts';
import { listKeysArgv } from '../../release/openpgp/gpg.ts';
import { chooseSigner, whyUnsigned } from '../../release/openpgp/keys.ts';
import { CREDENTIALS_DIR } from '../../run/credentials.ts';
import { defineStep, type ExecOptions, type StepContext } from '../types.ts';

const params = z.strictObject({
  /** Key that signs, of the user's credentials; empty: nothing is signed. */
  signingKey: z.string(),
  /** Whether the input `previous` has the repository of the commit before. */
  previous: z.boolean(),
  /** The branch that machines follow. */
  refDeploy: z.string(),
  /** Whether there is a delta for machines that have no commit. */
  scratchDelta: z.boolean(),
});
type Params = z.infer<typeof params>;
type Trees = NonNullable<ExecOptions['trees']>;

function unusable(key: string, why: string, tail?: string[]): OsmithError {
  return new OsmithError('E_KEY', `The key ${key}, which is to sign, ${why}`, {
    hint: 'Check ostree.signing_key, and gnupg/ in the directory of the credentials',
    tail,
  });
}

/** Signs the commit; says why the key cannot, which ostree does not. */
async function sign(
  context: StepContext<Params>,
  commit: string,
  signer: Signer,
  trees: Trees,
): Promise<void> {
  const { key } = signer;
  const list = async (kind: 'secret' | 'public') =>
    (await context.exec({ argv: listKeysArgv(kind, key), stdout: 'capture', okCodes: [0, 2] })).stdout;
  const chosen = chooseSigner(key, await list('secret'), await list('public'));
  if (typeof chosen === 'string') throw unusable(key, chosen);
  try {
    await context.exec({ argv: signArgv('/repo', commit, signer), trees });
  } catch (error) {
    if (!(error instanceof OsmithError) || error.code !== 'E_TOOL') throw error;
    const tail = error.details.tail ?? [];
    throw unusable(key, whyUnsigned(tail), tail);
  }
}

function commitOf(context: StepContext<Params>, input: string): string {
  const { commit } = context.facts(input);
  if (typeof commit === 'string') return commit;
  throw new OsmithError('E_INTERNAL', `${input} does not say its commit`);
}

export default defineStep<Params>({
  kind: 'ostree-publish',
  summary: ({ signingKey }) =>
    `Make the repository for publication (${signingKey === '' ? 'unsigned' : 'signed'})`,
  params,
  async run(context) {
    const { signingKey, previous, refDeploy, scratchDelta } = context.params;
    const commit = commitOf(context, 'repo');
    const trees = {
      '/repo': { tree: context.tree('repo'), writable: true },
      ...(previous ? { '/previous': { tree: context.tree('previous') } } : {}),
    };
    const exec = (argv: readonly string[]) => context.exec({ argv, trees });
    const delta = async (from: string | undefined) => {
      context.progress(from === undefined ? 'making the delta from nothing' : 'making the delta');
      await exec(deltaArgv('/repo', from, commit));
    };
    const signer = signingKey === '' ? undefined : { key: signingKey, homedir: `${CREDENTIALS_DIR}/gnupg` };
    if (signer !== undefined) await sign(context, commit, signer, trees);
    if (previous && commitOf(context, 'previous') !== commit) {
      await exec(addCommitArgv('/repo', '/previous', commitOf(context, 'previous')));
      await delta(commitOf(context, 'previous'));
    }
    if (scratchDelta) await delta(undefined);
    if (context.facts('repo')['ref'] !== refDeploy) await exec(setRefArgv('/repo', refDeploy, commit));
    await exec(summaryArgv('/repo', signer));
    return { trees: { repo: await context.commit('/repo') }, facts: context.facts('repo') };
  },
});
