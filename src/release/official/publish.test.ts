/** Releases of a Docker official image: real git repositories, and the forge's command line as far as it is called. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { describeWith, run } from '../../disk/testing.ts';
import { commitTree, initRepository } from './commit.ts';
import { releaseOfficial, type OfficialReport, type OfficialRequest } from './publish.ts';
import { checkClean } from './refs.ts';
import { hasPassword } from './settings.ts';
import { verifyOfficial } from './target.ts';
import { FIRST, SECOND, SETTINGS, writeContainerBuild, writeManifest } from './testing.ts';

let dir: string;
let server: string;
let fork: string;
const git = (repository: string, ...args: string[]) =>
  execFileSync('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'osmith official, '));
  server = join(dir, 'server');
  fork = join(dir, 'os', 'official-images.git');
  for (const path of [server, fork]) execFileSync('git', ['init', '-q', '--bare', '-b', 'master', path]);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true });
});

const build = async (content: string, epoch = FIRST, arch = 'amd64') =>
  writeContainerBuild(join(dir, `out-${arch}`), { content, epoch, arch });

async function release(dirs: string[], changed: Partial<OfficialRequest> = {}): Promise<OfficialReport> {
  const names = { variant: 'base', tags: ['latest'] };
  return releaseOfficial({
    ...{ settings: SETTINGS, repository: server, out: join(dir, 'official'), dryRun: false },
    builds: dirs.map((each) => ({ dir: each, names })),
    ...changed,
  });
}

/** A program called gh that notes how it was called. */
function fakeForge(exit = 0): string {
  const bin = join(dir, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(
    join(bin, 'gh'),
    `#!/bin/sh\nprintf '%s\\n' "$@" > '${dir}/gh'\necho pull/1\necho no login >&2\nexit ${exit}\n`,
  );
  chmodSync(join(bin, 'gh'), 0o755);
  vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
  return join(dir, 'gh');
}

/** The fork as it is before: other images have files too. */
async function startFork(): Promise<void> {
  const own = await initRepository(fork);
  const files = new Map([['library/other', Buffer.from('other\n')]]);
  const author = SETTINGS.author;
  git(
    fork,
    'update-ref',
    'refs/heads/master',
    await commitTree({ files, author, epoch: 1, message: 'x' }, own),
  );
}

const official = (changed = {}) => ({ ...SETTINGS, ...changed });
const withFork = (changed = {}) =>
  official({ fork: { repository: fork, branch: 'master', upstream: 'library/images' }, ...changed });

test('a dry run shows everything and pushes nothing; the release is proposed; the next one leaves one tarball', async () => {
  await startFork();
  const calls = fakeForge();
  const dirs = [await build('one', FIRST, 'arm64'), await build('one')];
  const dry = await release(dirs, { dryRun: true, settings: withFork() });
  expect(dry.files.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['base/amd64/index.json', 'base/arm64v8/oci-layout']),
  );
  expect(git(server, 'for-each-ref')).toBe('');
  const first = await release(dirs, { settings: withFork() });
  expect(first).toMatchObject({ commit: dry.commit, pushed: true, proposal: { opened: 'pull/1' } });
  expect(first.text).toBe(`# https://forge.example/os/image

Maintainers: Ada Lovelace <ada@forge.example> (@ada)
GitRepo: https://forge.example/os/image.git

Tags: latest, base, base-14112023
Architectures: amd64, arm64v8
GitFetch: refs/tags/14112023
GitCommit: ${first.commit}
amd64-Directory: base/amd64
arm64v8-Directory: base/arm64v8
Builder: oci-import
File: index.json
`);
  const called = readFileSync(calls, 'utf8').split('\n');
  expect(called).toEqual(
    expect.arrayContaining(['library/images', 'os:osmith-14112023', 'Update osmith to 14112023']),
  );
  expect(readFileSync(first.pullRequest, 'utf8')).toContain('- [x] image: latest (arm64v8): base/arm64v8');
  expect(git(fork, 'show', 'osmith-14112023:library/osmith')).toBe(first.text.trimEnd());
  expect(git(fork, 'ls-tree', '-r', '--name-only', 'osmith-14112023')).toBe('library/osmith\nlibrary/other');
  expect(git(fork, 'rev-parse', 'osmith-14112023^')).toBe(git(fork, 'rev-parse', 'master'));
  // What was broken off goes on: nothing is pushed twice.
  expect(await release(dirs, { settings: withFork() })).toMatchObject({
    pushed: false,
    commit: first.commit,
  });

  git(fork, 'update-ref', 'refs/heads/master', 'osmith-14112023');
  const next = [await build('two', SECOND)];
  const second = await release(next, { settings: withFork({ keepPrevious: true }) });
  expect(git(server, 'log', '--format=%H %s', 'dist')).toBe(`${second.commit} osmith 21112023`);
  expect(git(server, 'rev-parse', '14112023')).toBe(first.commit);
  expect(second.text).toMatch(/Tags: latest, base, base-21112023\n(.+\n)+\nTags: base-14112023\n/);
  expect(second.text).toContain(`GitCommit: ${first.commit}`);
  for (const place of [join(dir, 'official'), server])
    expect((await verifyOfficial(place))!.filter(({ ok }) => !ok)).toEqual([]);
  expect(second.checks).toHaveLength(6);
});

describeWith(['skopeo', 'zstd'], 'a release, by other programs,', () => {
  test('is an image that skopeo reads, or a Dockerfile whose checksum is that of the tarball beside it', async () => {
    const { commit } = await release([await build('one')]);
    const tree = join(dir, 'tree');
    git(server, 'worktree', 'add', '-q', tree, commit);
    const seen = run(['skopeo', 'inspect', `oci:${join(tree, 'base/amd64')}`]);
    expect(seen.stderr).toBe('');
    expect(JSON.parse(seen.stdout)).toMatchObject({
      Labels: { 'org.opencontainers.image.title': 'A "quoted" $title' },
    });
    const settings = official({ form: 'dockerfile', branch: 'dist2', tagFormat: 'version' });
    const made = await release([await build('one')], { settings });
    expect(made.text).toContain('GitFetch: refs/tags/v20231114');
    const files = join(dir, 'files');
    git(server, 'worktree', 'add', '-q', files, made.commit);
    expect(
      run(['sha256sum', '-c', 'osmith_deb_amd64.tar.zst.sha256'], { cwd: join(files, 'base/amd64') }).status,
    ).toBe(0);
    const text = readFileSync(join(files, 'base/amd64/Dockerfile'), 'utf8');
    // The very line that is run there.
    const line = /echo "\S+ {2}\/rootfs\.tar\.zst" \| sha256sum -c -/.exec(text)![0];
    const here = line.replace('/rootfs.tar.zst', 'osmith_deb_amd64.tar.zst');
    expect(run(['sh', '-c', here], { cwd: join(files, 'base/amd64') }).status).toBe(0);
    expect(text).toContain(String.raw`title="A \"quoted\" \$title"`);
  });
});

async function refusing(answer: number): Promise<{ url: string; server: Server }> {
  const http = createServer((_, response) => {
    response.writeHead(answer, { 'www-authenticate': 'Basic realm="x"' }).end();
  });
  await new Promise<void>((ready) => http.listen(0, '127.0.0.1', ready));
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/os/image.git`, server: http };
}

async function refused(
  dirs: string[],
  changed: Partial<OfficialRequest>,
  code: string,
  message: RegExp,
): Promise<void> {
  await expect(release(dirs, changed)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message) as string,
  });
}

test('places that cannot be used are refused in one sentence, and nothing is pushed', async () => {
  const out = [await build('one')];
  await refused(out, { repository: join(dir, 'none') }, 'E_TARGET', /^There is no repository at .*none$/);
  await refused(
    out,
    { repository: 'https://me:secret@forge.example/x.git' },
    'E_USAGE',
    /has a password in it$/,
  );
  const closed = await refusing(401);
  await refused(out, { repository: closed.url }, 'E_TARGET', /^Access is denied to http:/);
  closed.server.close();
  const text = join(dir, 'text');
  mkdirSync(text);
  writeFileSync(join(text, 'mine'), '');
  await refused(out, { out: text }, 'E_OUT', /holds something else: mine$/);
  await refused([...out, ...out], {}, 'E_USAGE', /^Two builds are of the variant base for amd64$/);
  await refused(out, { settings: withFork() }, 'E_TARGET', /official-images.git has no branch master$/);
  expect(git(server, 'for-each-ref')).toBe('');
});

test('a proposal that cannot be made is told; what was released stays', async () => {
  const out = [await build('one')];
  await startFork();
  git(fork, 'update-ref', 'refs/heads/osmith-14112023', 'master');
  await refused(out, { settings: withFork() }, 'E_RELEASE', /has another branch osmith-14112023 already$/);
  git(fork, 'update-ref', '-d', 'refs/heads/osmith-14112023');
  fakeForge(1);
  await refused(out, { settings: withFork() }, 'E_TARGET', /gh opened no pull request in library\/images$/);

  // The same day, something else.
  const other = [await build('two')];
  await refused(other, {}, 'E_RELEASE', /has the tag 14112023 already$/);
});

test('builds that cannot be released are refused, and a branch with a history stays as it is', async () => {
  const branch = 'refs/heads/main';
  const own = await initRepository(server);
  const { author } = SETTINGS;
  const parent = await commitTree({ files: new Map(), author, epoch: 1, message: 'a' }, own);
  const files = new Map([['a.tar.zst', Buffer.alloc(3_000_000)]]);
  git(server, 'update-ref', branch, await commitTree({ files, author, epoch: 2, message: 'b', parent }, own));
  const late = await build('two', SECOND);
  const main = { settings: official({ branch: 'main' }) };
  await refused(
    [late],
    main,
    'E_RELEASE',
    /^The branch main of .* has a history, which a release would replace$/,
  );
  expect(git(server, 'rev-list', '--count', 'main')).toBe('2');

  writeFileSync(join(late, 'osmith_deb_amd64.tar.zst'), 'altered');
  await refused([late], {}, 'E_SIGNATURE', /is not what the manifest says/);
  truncateSync(join(late, 'osmith_deb_amd64.tar.zst'), 100_000_001);
  writeManifest(late, { name: 'osmith_deb_amd64', arch: 'amd64', epoch: SECOND });
  const large = { settings: official({ form: 'dockerfile' }) };
  await refused([late], large, 'E_TOO_LARGE', /^base\/amd64\/osmith_deb_amd64\.tar\.zst has 100\.0 MB/);
  expect(git(server, 'tag')).toBe('');
});

test('changes that were not committed, and repositories that somebody changed, show', async () => {
  await expect(checkClean(dir, 'The workspace')).resolves.toBeUndefined();
  const work = join(dir, 'work');
  execFileSync('git', ['init', '-q', work]);
  writeFileSync(join(work, 'new.ini'), '');
  await expect(checkClean(work, 'The workspace')).rejects.toMatchObject({
    code: 'E_RELEASE',
    message: 'The workspace is not as it was committed: new.ini',
  });
  expect(hasPassword('https://token@forge.example/x')).toBe(false);
  await release([await build('one')]);
  const tree = join(dir, 'tree');
  git(server, 'worktree', 'add', '-q', tree, 'dist');
  writeFileSync(join(tree, 'base/amd64/index.json'), '{}');
  git(tree, 'commit', '-qam', 'x');
  const wrong = (await verifyOfficial(server))!.filter(({ ok }) => !ok);
  expect(wrong.map(({ what }) => what)).toContain('image');
  expect(await verifyOfficial(dir)).toBeUndefined();
});
