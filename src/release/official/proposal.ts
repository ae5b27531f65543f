/** Proposes a library file to the official-images repository: a branch in a fork of it, and a pull request. */
import { execa, ExecaError } from 'execa';
import { join } from 'node:path';
import { OsmithError } from '../../errors.ts';
import { commitTree, remoteRefs } from './commit.ts';
import { git, gitSays, type GitOptions } from './git.ts';
import type { Fork, OfficialSettings } from './settings.ts';

/** Where the fork stands. */
export interface Base {
  commit: string;
  /** The library file there; empty: there is none. */
  library: string;
  refs: ReadonlyMap<string, string>;
}

export function libraryPath(name: string): string {
  return `library/${name}`;
}

/** Fetches the newest commit of the branch that proposals start from, into `own`. */
export async function readBase({ repository, branch }: Fork, name: string, own: GitOptions): Promise<Base> {
  const refs = await remoteRefs(repository, own);
  const commit = refs.get(`refs/heads/${branch}`);
  if (commit === undefined)
    throw new OsmithError('E_TARGET', `${repository} has no branch ${branch}`, {
      hint: 'Name the branch of official-images that proposals start from with official.fork_branch',
    });
  await git(['fetch', '--quiet', '--no-tags', '--depth=1', '--', repository, `refs/heads/${branch}`], own);
  const object = `${commit}:${libraryPath(name)}`;
  const isThere = await gitSays(['cat-file', '-e', object], own).catch(() => false);
  return { commit, refs, library: isThere ? await git(['cat-file', 'blob', object], own) : '' };
}

export interface Proposal {
  fork: Fork;
  base: Base;
  settings: OfficialSettings;
  text: string;
  stamp: string;
  epoch: number;
}

/** The branch's name tells what it is about. */
export function proposalBranch({ name }: Pick<OfficialSettings, 'name'>, stamp: string): string {
  return `${name}-${stamp}`;
}

/** Pushes the branch. One that is there already with the same content is as good. */
export async function pushProposal(proposal: Proposal, own: GitOptions): Promise<void> {
  const { fork, base, settings, text, stamp, epoch } = proposal;
  const branch = `refs/heads/${proposalBranch(settings, stamp)}`;
  const commit = await commitTree(
    {
      ...{
        files: new Map([[libraryPath(settings.name), Buffer.from(text)]]),
        epoch,
        author: settings.author,
      },
      message: `Update ${settings.name} to ${stamp}\n`,
      parent: base.commit,
    },
    own,
  );
  const there = base.refs.get(branch);
  if (there === commit) return;
  if (there !== undefined)
    throw new OsmithError(
      'E_RELEASE',
      `${fork.repository} has another branch ${proposalBranch(settings, stamp)} already`,
      {
        hint: 'Remove it there if nobody needs it any more, and run the command again: what was released stays',
      },
    );
  const lease = `--force-with-lease=${branch}:`;
  await git(['push', '--quiet', lease, '--', fork.repository, `${commit}:${branch}`], own);
}

/** The account that a fork belongs to, by its address. */
export function ownerOf(repository: string): string {
  return /([^/:]+)\/[^/]+?(?:\.git)?\/?$/.exec(repository)?.[1] ?? '';
}

/** Arguments for the command line of GitHub. `body` is a file. */
export function pullRequestArgv({ fork, settings, stamp }: Proposal, body: string): string[] {
  const head = `${ownerOf(fork.repository)}:${proposalBranch(settings, stamp)}`;
  return [
    ...['gh', 'pr', 'create', '--repo', fork.upstream, '--base', fork.branch, '--head', head],
    ...['--title', `Update ${settings.name} to ${stamp}`, '--body-file', body],
  ];
}

/** Opens the pull request; its address. Undefined: the program is not there. */
export async function openPullRequest(
  proposal: Proposal,
  body: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const [program, ...args] = pullRequestArgv(proposal, body) as [string, ...string[]];
  try {
    const { stdout } = await execa(program, args, {
      stdin: 'ignore',
      env: { GH_PROMPT_DISABLED: '1' },
      ...(signal && { cancelSignal: signal }),
    });
    return stdout.trim();
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof ExecaError)) throw error;
    if (error.code === 'ENOENT') return undefined;
    throw new OsmithError(
      'E_TARGET',
      `The branch is there, but gh opened no pull request in ${proposal.fork.upstream}`,
      {
        cause: error,
        hint: `Log in with \`gh auth login\`, and run the command again; the text is in ${join(body)}`,
        tail: String(error.stderr).trimEnd().split('\n').slice(-10),
      },
    );
  }
}
