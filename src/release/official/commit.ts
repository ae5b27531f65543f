/**
 * Puts files into a release repository as one commit without parents, so that no history holds an older tarball. Made in
 * a repository of its own that only has the new objects: neither a checkout nor the history is fetched.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OsmithError } from '../../errors.ts';
import { git, type GitOptions } from './git.ts';
import { MAX_OBJECT } from './lint-history.ts';

/** Paths in the commit to files of this machine, or to their bytes. */
export type CommitFiles = ReadonlyMap<string, string | Buffer>;

export interface ReleaseCommit {
  files: CommitFiles;
  message: string;
  /** Seconds since the Unix epoch. */
  epoch: number;
  author: { name: string; email: string };
}

/** A commit that may be one on top of another. */
export interface TreeCommit extends ReleaseCommit {
  /** Whose files stay, but those that are replaced; absent: there is none. */
  parent?: string;
}

/** Throws E_TOO_LARGE for a file that git servers refuse, before anything is sent. */
export async function checkSizes(files: CommitFiles): Promise<void> {
  for (const [path, content] of files) {
    const size = Buffer.isBuffer(content) ? content.length : (await stat(content)).size;
    if (size <= MAX_OBJECT) continue;
    const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
    throw new OsmithError(
      'E_TOO_LARGE',
      `${path} has ${megabytes(size)}, and git servers take ${megabytes(MAX_OBJECT)} at most`,
      { hint: 'Make the system smaller, or host the file elsewhere and publish it with a Dockerfile' },
    );
  }
}

/** A new, empty repository in `directory`. */
export async function initRepository(directory: string, signal?: AbortSignal): Promise<GitOptions> {
  const options = { repository: directory, signal };
  await git(['init', '--quiet', '--bare', '--initial-branch=main', '.'], options);
  return options;
}

/** Makes the commit; its id. The same files, message, date and author give the same one. */
export async function makeCommit(commit: ReleaseCommit, options: GitOptions): Promise<string> {
  await checkSizes(commit.files);
  return commitTree(commit, options);
}

/** The same on top of another commit, or of none. */
export async function commitTree(
  { files, message, epoch, author, parent }: TreeCommit,
  options: GitOptions,
): Promise<string> {
  const lines: string[] = [];
  for (const [path, content] of files) {
    const data = Buffer.isBuffer(content) ? { input: content } : { inputFile: content };
    const id = await git(['hash-object', '-w', '--no-filters', '--stdin'], { ...options, ...data });
    lines.push(`100644 ${id}\t${path}\0`);
  }
  const date = `@${epoch} +0000`;
  const env = {
    GIT_INDEX_FILE: join(options.repository, 'index'),
    ...{ GIT_AUTHOR_NAME: author.name, GIT_AUTHOR_EMAIL: author.email, GIT_AUTHOR_DATE: date },
    ...{ GIT_COMMITTER_NAME: author.name, GIT_COMMITTER_EMAIL: author.email, GIT_COMMITTER_DATE: date },
  };
  await git(['read-tree', parent ?? '--empty'], { ...options, env });
  await git(['update-index', '-z', '--index-info'], { ...options, env, input: lines.join('') });
  const tree = await git(['write-tree'], { ...options, env });
  const on = parent === undefined ? [] : ['-p', parent];
  return git(['commit-tree', '--no-gpg-sign', '-F', '-', ...on, tree], { ...options, env, input: message });
}

/** What git says of credentials that are missing or wrong, through HTTP and SSH. */
const DENIED =
  /Authentication failed|could not read (?:Username|Password)|Permission denied|returned error: 40[13]/;

/** Says of which repository git spoke, and what helps. */
function unreachable(url: string, error: unknown): unknown {
  if (!(error instanceof OsmithError) || error.code !== 'E_TARGET') return error;
  const denied = error.details.tail?.some((line) => DENIED.test(line)) ?? false;
  return new OsmithError(
    'E_TARGET',
    `${denied ? 'Access is denied to' : 'There is no repository at'} ${url}`,
    {
      ...error.details,
      hint: denied
        ? 'Give git the right credentials: a key of ssh, or a credential helper (gitcredentials(7)). Osmith never asks'
        : 'Check the address with `git ls-remote`, and make the repository if it is to be a new one',
    },
  );
}

/** Branches and tags of a repository that may be anywhere. */
export async function remoteRefs(url: string, options: GitOptions): Promise<Map<string, string>> {
  const listing = await git(['ls-remote', '--heads', '--tags', '--', url], options).catch(
    (error: unknown) => {
      throw unreachable(url, error);
    },
  );
  const lines = listing.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => line.split('\t').toReversed() as [string, string]));
}

export interface Push {
  url: string;
  commit: string;
  /** Whole names, such as refs/heads/dist-amd64; what is there is replaced. */
  branch: string;
  /** Must not be there yet. */
  tag: string;
  /** As `remoteRefs` found them. */
  refs: ReadonlyMap<string, string>;
}

/** Throws E_RELEASE for a tag that is taken. */
export function checkTag(tag: string, url: string, refs: ReadonlyMap<string, string>): void {
  if (!refs.has(tag)) return;
  throw new OsmithError('E_RELEASE', `${url} has the tag ${tag.replace('refs/tags/', '')} already`, {
    hint: 'What was published is never changed: build anew, which gives another date, or choose another tag',
  });
}

/** Pushes branch and tag, both or none, and only over what `refs` has seen. */
export async function pushCommit(
  { url, commit, branch, tag, refs }: Push,
  options: GitOptions,
): Promise<void> {
  checkTag(tag, url, refs);
  const leases = [branch, tag].map((ref) => `--force-with-lease=${ref}:${refs.get(ref) ?? ''}`);
  await git(
    ['push', '--quiet', '--atomic', ...leases, '--', url, `${commit}:${branch}`, `${commit}:${tag}`],
    options,
  );
}
