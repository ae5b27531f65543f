import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  checkSizes,
  initRepository,
  makeCommit,
  pushCommit,
  remoteRefs,
  type ReleaseCommit,
} from './commit.ts';
import type { GitOptions } from './git.ts';
import { lintHistory } from './lint-history.ts';

let dir: string;
let url: string;
let own: GitOptions;
const branch = 'refs/heads/dist';
const git = (repository: string, ...args: string[]) =>
  execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim();

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith commit, '));
  url = join(dir, 'server');
  execFileSync('git', ['init', '-q', '--bare', url]);
  execFileSync('git', ['init', '-q', '--bare', join(dir, 'own')]);
  own = await initRepository(join(dir, 'own'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

function release(fill: number, epoch: number): ReleaseCommit {
  return {
    files: new Map<string, string | Buffer>([
      ['amd64/root.tar.zst', Buffer.alloc(3_000_000, fill)],
      ['amd64/Dockerfile', Buffer.from('FROM scratch\nADD root.tar.zst /\n')],
    ]),
    message: 'A release\n',
    epoch,
    author: { name: 'Osmith', email: 'osmith@example.org' },
  };
}

async function publish(commit: string, tag: string, refs = new Map<string, string>()): Promise<void> {
  await pushCommit({ url, commit, branch, tag: `refs/tags/${tag}`, refs }, own);
}

it('replaces the branch, so that its history holds one tarball, and keeps each release under its tag', async () => {
  const first = await makeCommit(release(1, 1_700_000_000), own);
  expect(await makeCommit(release(1, 1_700_000_000), own)).toBe(first);
  await publish(first, '14112023');
  const second = await makeCommit(release(2, 1_700_600_000), own);
  await publish(second, '21112023', await remoteRefs(url, own));
  expect(git(url, 'log', '--format=%H %an %at %s', branch)).toBe(`${second} Osmith 1700600000 A release`);
  expect(git(url, 'ls-tree', '-r', '--name-only', branch)).toBe('amd64/Dockerfile\namd64/root.tar.zst');
  expect(git(url, 'rev-parse', 'refs/tags/14112023')).toBe(first);
  expect(await lintHistory(second, branch, { repository: url })).toEqual([]);
  git(url, 'fsck', '--strict', '--no-dangling');
});

it('never moves a tag, nor a branch that somebody else moved', async () => {
  const commit = await makeCommit(release(3, 1_700_700_000), own);
  const refs = await remoteRefs(url, own);
  await expect(publish(commit, '21112023', refs)).rejects.toMatchObject({
    code: 'E_RELEASE',
    message: `${url} has the tag 21112023 already`,
  });
  const seen = git(url, 'rev-parse', branch);
  // Both were moved after they had been looked at.
  await expect(publish(commit, '22112023', new Map([[branch, '1'.repeat(40)]]))).rejects.toMatchObject({
    code: 'E_TARGET',
    details: { tail: expect.arrayContaining([expect.stringMatching(/stale info/)]) as string[] },
  });
  await expect(publish(commit, '21112023', new Map([[branch, seen]]))).rejects.toMatchObject({
    code: 'E_TARGET',
  });
  expect(git(url, 'rev-parse', branch)).toBe(seen);
  expect((await remoteRefs(url, own)).has('refs/tags/22112023')).toBe(false);
});

it('refuses a file that is too large before anything is made of it, and names it', async () => {
  const file = join(dir, 'large');
  writeFileSync(file, '');
  truncateSync(file, 100_000_001);
  await expect(checkSizes(new Map([['amd64/root.tar.zst', file]]))).rejects.toMatchObject({
    code: 'E_TOO_LARGE',
    message: 'amd64/root.tar.zst has 100.0 MB, and git servers take 100.0 MB at most',
  });
});

it('says what git says of a repository that is not there', async () => {
  await expect(remoteRefs(join(dir, 'none'), own)).rejects.toMatchObject({ code: 'E_TARGET' });
});
