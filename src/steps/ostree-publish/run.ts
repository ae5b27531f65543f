/** Makes a repository for a web server: signed commit, static delta from the commit before, signed summary. */
import { z } from 'zod';
import { addCommitArgv, deltaArgv, signArgv, summaryArgv } from '../../ostree/publish.ts';
import { OsmithError } from '../../errors.ts';
import { CREDENTIALS_DIR } from '../../run/credentials.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({
  /** Key that signs, of the user's credentials; empty: nothing is signed. */
  signingKey: z.string(),
  /** Whether the input `previous` has the repository of the commit before. */
  previous: z.boolean(),
});
type Params = z.infer<typeof params>;

/** The two of GnuPG's complaints that users meet. */
function signingError(error: unknown, key: string): unknown {
  if (!(error instanceof OsmithError) || error.code !== 'E_TOOL') return error;
  const text = (error.details.tail ?? []).join('\n');
  const expired = /expired/i.test(text);
  if (!expired && !/No gpg key found|No secret key|Unusable secret key|not found/i.test(text)) return error;
  const what = expired ? 'has expired' : 'is not among the secret keys of the credentials';
  return new OsmithError('E_KEY', `The key ${key}, which is to sign, ${what}`, {
    ...error.details,
    hint: 'Check ostree.signing_key, and gnupg/ in the directory of the credentials',
  });
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
    const { signingKey, previous } = context.params;
    const commit = commitOf(context, 'repo');
    const trees = {
      '/repo': { tree: context.tree('repo'), writable: true },
      ...(previous ? { '/previous': { tree: context.tree('previous') } } : {}),
    };
    const exec = (argv: readonly string[]) => context.exec({ argv, trees });
    const signer = signingKey === '' ? undefined : { key: signingKey, homedir: `${CREDENTIALS_DIR}/gnupg` };
    try {
      if (signer !== undefined) await exec(signArgv('/repo', commit, signer));
      if (previous && commitOf(context, 'previous') !== commit) {
        context.progress('making the delta');
        await exec(addCommitArgv('/repo', '/previous', commitOf(context, 'previous')));
        await exec(deltaArgv('/repo', commitOf(context, 'previous'), commit));
      }
      await exec(summaryArgv('/repo', signer));
    } catch (error) {
      throw signer === undefined ? error : signingError(error, signer.key);
    }
    return { trees: { repo: await context.commit('/repo') }, facts: context.facts('repo') };
  },
});
