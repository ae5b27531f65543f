/** What is in repositories: branches and tags that must not be lost or taken twice, changes that were not committed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '../../env.ts';
import { OsmithError } from '../../errors.ts';
import { initRepository } from './commit.ts';
import { git, gitSays, type GitOptions } from './git.ts';

/** Branches and tags of a repository of this machine. */
export async function localRefs(options: GitOptions): Promise<Map<string, string>> {
  const format = '--format=%(refname) %(objectname)';
  const listing = await git(['for-each-ref', format, 'refs/heads', 'refs/tags'], options);
  const lines = listing.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => line.split(' ') as [string, string]));
}

/** Runs with a new repository, which is gone afterwards. */
export async function withRepository<T>(
  work: (options: GitOptions) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const dir = await mkdtemp(join(tempDir(), 'osmith-git-'));
  try {
    return await work(await initRepository(dir, signal));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A branch for releases has one commit. One with a history is somebody's work: it is never replaced. Throws E_RELEASE. */
export async function checkBranch(
  url: string,
  branch: string,
  refs: ReadonlyMap<string, string>,
  signal?: AbortSignal,
): Promise<void> {
  const head = refs.get(branch);
  if (head === undefined) return;
  const commit = await withRepository(async (own) => {
    // Of the history only the newest commit is fetched; it names its parents all the same.
    await git(['fetch', '--quiet', '--no-tags', '--depth=1', '--filter=tree:0', '--', url, branch], own);
    return git(['cat-file', 'commit', head], own);
  }, signal);
  if (!/^parent /m.test(commit.split('\n\n')[0]!)) return;
  const name = branch.replace('refs/heads/', '');
  throw new OsmithError(
    'E_RELEASE',
    `The branch ${name} of ${url} has a history, which a release would replace`,
    {
      hint: 'A branch for releases has one commit, so that no history holds an older tarball: name another one with official.branch',
    },
  );
}

/** Throws E_RELEASE if a directory is in a git repository and differs from what was committed. */
export async function checkClean(dir: string, what: string, signal?: AbortSignal): Promise<void> {
  const options = { repository: dir, signal };
  const isThere = await gitSays(['rev-parse', '--is-inside-work-tree'], options).catch(() => false);
  if (!isThere) return;
  const changed = await git(['status', '--porcelain', '--', '.'], options);
  if (changed === '') return;
  const files = changed.split('\n').map((line) => line.slice(3));
  throw new OsmithError('E_RELEASE', `${what} is not as it was committed: ${files.slice(0, 3).join(', ')}`, {
    hint: 'Commit it or put it back: nobody could tell later what the release was made of',
    ...(files.length > 3 ? { tail: files } : {}),
  });
}
