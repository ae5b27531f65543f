/** The rules for the repository that a library file names: what its commits may hold, now and in their history. */
import { git, gitSays, type GitOptions } from './git.ts';

/** GitHub refuses larger objects. Bytes. */
export const MAX_OBJECT = 100_000_000;
/** What is larger must not be left behind in the history. Bytes. */
const LARGE = 2_000_000;
/** Files of git-lfs begin so; whoever builds an official image does not fetch what they stand for. */
const LFS = 'version https://git-lfs.github.com/spec/';
const LFS_SIZE = 1024;

interface HistoryObject {
  id: string;
  size: number;
  path: string;
}

/** All files that a commit or its history holds. */
async function blobsOf(commit: string, options: GitOptions): Promise<HistoryObject[]> {
  const listing = await git(['rev-list', '--objects', commit], options);
  const paths = new Map(
    listing.split('\n').map((line): [string, string] => {
      const space = line.indexOf(' ');
      return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
    }),
  );
  const check = ['cat-file', '--batch-check=%(objecttype) %(objectname) %(objectsize)'];
  const sizes = await git(check, { ...options, input: `${[...paths.keys()].join('\n')}\n` });
  return sizes.split('\n').flatMap((line) => {
    const [type, id, size] = line.split(' ') as [string, string, string];
    return type === 'blob' ? [{ id, size: Number(size), path: paths.get(id)! }] : [];
  });
}

async function blobIds(commit: string, options: GitOptions): Promise<Set<string>> {
  const listing = await git(
    ['ls-tree', '-r', '-z', '--full-tree', '--format=%(objectname)', commit],
    options,
  );
  return new Set(listing.split('\0'));
}

function megabytes(size: number): string {
  return `${(size / 1e6).toFixed(1)} MB`;
}

/** What is wrong with a commit; sentences. `fetch` is the branch or tag that leads to it. */
export async function lintHistory(commit: string, fetch: string, options: GitOptions): Promise<string[]> {
  const isThere = await gitSays(['cat-file', '-e', `${commit}^{commit}`], options).catch(() => false);
  if (!isThere) return [`The repository has no commit ${commit}`];
  const isRef = await gitSays(['show-ref', '--verify', '--quiet', fetch], options);
  if (!isRef) return [`The repository has no ${fetch}`];
  if (!(await gitSays(['merge-base', '--is-ancestor', commit, fetch], options))) {
    return [`${fetch} does not lead to the commit ${commit}`];
  }
  const blobs = await blobsOf(commit, options);
  const current = await blobIds(commit, options);
  const faults: string[] = [];
  for (const { id, size, path } of blobs) {
    if (size > MAX_OBJECT) {
      faults.push(`${path} has ${megabytes(size)}: git servers take ${megabytes(MAX_OBJECT)} at most`);
    }
    if (size > LARGE && !current.has(id)) {
      faults.push(
        `The history still holds ${path} of an earlier commit, ${megabytes(size)}: begin the branch anew`,
      );
    }
  }
  for (const { id, size, path } of blobs.filter((blob) => current.has(blob.id) && blob.size < LFS_SIZE)) {
    const pointer = size >= LFS.length && (await git(['cat-file', 'blob', id], options)).startsWith(LFS);
    if (pointer) faults.push(`${path} is kept in git-lfs, which is not fetched for official images`);
  }
  return faults;
}
