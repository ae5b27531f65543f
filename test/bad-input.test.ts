/** What users get for their mistakes: one clear coded error, the right exit code, and their last good output as it was. */
import { access, chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { osmith, REPO, type Finished } from './support/osmith.ts';

let dir: string;
let workspace: string;
let out: string;

/** Names, sizes and times of the output: changes with anything written there. */
async function outputState(): Promise<string[]> {
  const names = (await readdir(out)).sort();
  return Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs, ino } = await stat(join(out, name));
      return `${name} ${size} ${mtimeMs} ${ino}`;
    }),
  );
}

async function build(args: string[], env: Record<string, string> = {}): Promise<Finished> {
  return osmith(['-C', workspace, 'build', '--out', out, ...args], { env });
}

/** Builds and checks what every failure has in common. */
async function expectFailure(code: string, exitCode: number, args: string[], env = {}): Promise<string> {
  const before = await outputState();
  const { all, exitCode: got } = await build(args, env);
  expect(all).toContain(`error[${code}]`);
  expect(got, all).toBe(exitCode);
  expect(all).not.toMatch(/^\s+at .*\.ts:\d+/m); // no stack trace
  expect(await outputState()).toEqual(before);
  return all;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-bad-'));
  workspace = join(dir, 'workspace');
  out = join(dir, 'out');
  await cp(join(REPO, 'workspace'), workspace, { recursive: true });
  const built = await build([]);
  expect(built.exitCode, built.all).toBe(0);
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

test('all mistakes of a configuration at once, with file, line and the nearest name', async () => {
  const local = join(workspace, 'config', 'local.ini');
  await writeFile(local, '[image]\ncompresion = xz\nesp_size = huge\n\n[imgae]\nroot = ro\n');
  const said = await expectFailure('E_CONFIG', 2, []);
  await rm(local);
  expect(said).toMatch(/local\.ini:2\b/);
  expect(said).toContain('compression');
  expect(said).toMatch(/local\.ini:3\b/);
  expect(said).toContain('imgae');
});

test('a misspelt hook is named with the one that was meant', async () => {
  const said = await expectFailure('E_HOOK_MISSING', 2, ['--set', 'refine.hooks_add=20-local.chroot']);
  expect(said).toContain('20-locale.chroot');
});

test('a package that does not exist', async () => {
  const said = await expectFailure('E_PACKAGE_MISSING', 1, ['--set', 'refine.packages_add=no-such-package']);
  expect(said).toContain('no-such-package');
});

test('a suite that does not exist', async () => {
  const said = await expectFailure('E_SUITE', 1, ['--set', 'bootstrap.suite=nonesuch']);
  expect(said).toContain('nonesuch');
});

test('a mirror that cannot be reached', async () => {
  const said = await expectFailure('E_NETWORK', 1, ['--set', 'bootstrap.mirror=http://127.0.0.1:9/debian']);
  expect(said).toContain('127.0.0.1');
});

test('packages that another key signed', async () => {
  const keyring = join(dir, 'other.gpg');
  // A key ring without any key: whatever the mirror serves, nobody vouches for it.
  await writeFile(keyring, '');
  const said = await expectFailure('E_SIGNATURE', 5, ['--set', `bootstrap.keyring=${keyring}`]);
  expect(said).toContain('keyring');
});

test('an image larger than its limit names what is large', async () => {
  const said = await expectFailure('E_TOO_LARGE', 1, ['--set', 'image.max_size=100M']);
  expect(said).toContain('initrd');
});

test('a failing hook shows the end of its log and keeps all of it', async () => {
  const hook = join(workspace, 'hooks', 'refine', '95-doomed');
  await writeFile(hook, '#!/bin/sh\necho about to fail\nseq 1 100\necho the last words >&2\nexit 3\n');
  await chmod(hook, 0o755);
  const said = await expectFailure('E_HOOK', 1, ['--set', 'refine.hooks_add=95-doomed']);
  expect(said).toContain('95-doomed');
  expect(said).toContain('the last words');
  expect(said).not.toContain('about to fail');
  const log = said.match(/\/\S+\.log/)?.[0];
  await access(log!);
  expect(await readFile(log!, 'utf8')).toContain('about to fail');
});

test('an output directory that holds something else is left alone', async () => {
  const other = join(dir, 'documents');
  await mkdir(other);
  await writeFile(join(other, 'thesis.txt'), 'years of work');
  const refused = await osmith(['-C', workspace, 'build', '--out', other]);
  expect(refused.exitCode).toBe(2);
  expect(refused.all).toContain('error[E_OUT]');
  expect(await readdir(other)).toEqual(['thesis.txt']);
});

test.each(['/dev/null/store', '/proc/store/below'])('a store that cannot be written: %s', async (store) => {
  await expectFailure('E_STORE', 1, [], { OSMITH_STORE: store });
});

test('an unknown branch is told what there is', async () => {
  const said = await expectFailure('E_USAGE', 2, ['dbe']);
  expect(said).toContain('deb12');
});
