/** Pulls from remote repositories: what the steps that find a commit and that fetch it share. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { OsmithError } from '../errors.ts';
import type { StepContext } from '../steps/types.ts';
import { pullError } from './errors.ts';
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
};
export type Source = z.infer<z.ZodObject<typeof pullSource>>;

/** Name of the remote while a step pulls. */
export const REMOTE = 'source';

/** Milliseconds between attempts. */
const DELAYS = [1000, 3000, 8000];

export async function initRepository(context: StepContext<Source>, repo: string): Promise<void> {
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

/** Runs a pull; again, from where it was, when the server or the network failed. */
export async function pull(context: StepContext<Source>, what: PullArguments): Promise<void> {
  const { url, mirror, ref } = context.params;
  for (let tries = 0; ; tries += 1) {
    try {
      await context.exec({ argv: pullArgv(what) });
      return;
    } catch (thrown) {
      const error = pullError(thrown, { url: mirror || url, ref });
      const delay = DELAYS[tries];
      if (!(error instanceof OsmithError) || error.code !== 'E_NETWORK' || delay === undefined) throw error;
      context.log(`${error.message}: trying again in ${delay / 1000} s`);
      await sleep(delay, undefined, { signal: context.signal });
    }
  }
}
