/** Pulls from remote repositories: what the steps that find a commit and that fetch it share. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { OsmithError } from '../errors.ts';
import type { StepContext } from '../steps/types.ts';
import { failure, missingBranch } from './errors.ts';
import { initArchiveArgv, remoteAddArgv } from './ostree.ts';

/** Where commits come from. */
export const pullSource = {
  /** URL that names the repository. */
  url: z.string().min(1),
  /** URL of a copy to fetch from in its place, such as one without a way to the Internet; empty: none. */
  mirror: z.string(),
  ref: z.string(),
  /** Whether the commit must be signed by a key of the input `keys`. */
  gpgVerify: z.boolean(),
  /** Whether to find out which collection of branches it belongs to, for updates from peers. */
  p2p: z.boolean(),
};
export type Source = z.infer<z.ZodObject<typeof pullSource>>;
type Context = StepContext<Source>;

/** Name of the remote while a step pulls. */
export const REMOTE = 'source';

/** Seconds between the attempts, of which there are ten. */
const PAUSES = [1, 1, 1, 2, 2, 3, 5, 5, 10];

export async function initRepository(context: Context, repo: string): Promise<void> {
  const { url, mirror, ref, gpgVerify } = context.params;
  const keys = gpgVerify ? '/in/keys' : undefined;
  await context.exec({ argv: initArchiveArgv(repo, '') });
  const remote = { name: REMOTE, url: mirror || url, gpgVerify, keys, collectionId: '' };
  await context.exec({ argv: remoteAddArgv(repo, ref, remote) });
}

export interface PullArguments {
  repo: string;
  /** `REF` or `REF@CHECKSUM`. */
  what: string;
  /** Further options. */
  options: readonly string[];
}

export function pullArgv({ repo, what, options }: PullArguments): string[] {
  return ['ostree', `--repo=${repo}`, 'pull', '--disable-fsync', '--depth=0', ...options, REMOTE, what];
}

/** Asks about the remote: `refs`, its branches, or `summary`, what it says of itself. */
export function remoteArgv(repo: string, about: 'refs' | 'summary'): string[] {
  return ['ostree', `--repo=${repo}`, 'remote', about, REMOTE];
}

/** Runs an ostree that talks to the remote; again, from where it was, when the server or the network failed. */
export async function remotely(context: Context, argv: readonly string[]): Promise<string> {
  const { url, mirror, ref } = context.params;
  for (let tries = 0; ; tries += 1) {
    try {
      return (await context.exec({ argv, stdout: 'capture' })).stdout;
    } catch (thrown) {
      const { error, transient } = failure(thrown, { url: mirror || url, ref });
      const pause = PAUSES[tries];
      if (!transient || pause === undefined) throw error;
      context.progress(`the server or the network failed: trying again in ${pause} s`);
      context.log(`Attempt ${tries + 1} failed; trying again in ${pause} s`);
      await sleep(pause * 1000, undefined, { signal: context.signal });
    }
  }
}

/** Pulls; a branch that is not there is answered with those that are. */
export async function pull(context: Context, what: PullArguments): Promise<void> {
  try {
    await remotely(context, pullArgv(what));
  } catch (error) {
    if (!(error instanceof OsmithError) || error.code !== 'E_OSTREE_REF') throw error;
    const { stdout } = await context.exec({
      ...{ argv: remoteArgv(what.repo, 'refs'), stdout: 'capture', okCodes: [0, 1] },
    });
    throw missingBranch(error, context.params.ref, stdout.split('\n').filter(Boolean));
  }
}
