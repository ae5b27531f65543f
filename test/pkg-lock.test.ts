/** Packages whose lock file says which images they are built from. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { layerTar, writeLayout } from '../src/oci/testing.ts';
import { jsonLines, osmith } from './support/osmith.ts';

const ARCH = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
const LOCK = 'pkg/app/images.lock';

let dir = '';

const put = (name: string, text: string) => writeFileSync(join(dir, name), text);
const git = (...args: string[]) => {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', ['-C', dir, ...identity, ...args], { encoding: 'utf8' }).trim();
};
const commit = () => {
  git('add', '-A');
  git('commit', '-q', '-m', 'x');
};
const run = (...args: string[]) => osmith([...args, '--layout', join(dir, 'out-layout')], { cwd: dir });
const good = async (...args: string[]) => {
  const done = await run(...args);
  expect(done.exitCode, done.all).toBe(0);
  return done;
};

/** Name and digest of the image that is built. */
async function built(): Promise<{ reference: string; digest: string }> {
  const lines = jsonLines(await good('pkg', 'build', '--json', 'pkg/app'));
  return lines.find(({ type }) => type === 'image') as unknown as { reference: string; digest: string };
}

/** The image that the package is built from, in another version under the same tag. */
function base(content: string): void {
  rmSync(join(dir, 'out-layout'), { recursive: true, force: true });
  const layers = [layerTar([{ name: 'version', content }])];
  writeLayout(join(dir, 'out-layout'), [{ name: 'docker.io/test/base:1', layers, arch: ARCH }]);
}

beforeAll(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'osmith-pkg-')));
  mkdirSync(join(dir, 'pkg/app'), { recursive: true });
  git('init', '-q', '.');
  put('.gitignore', '/out*\n');
  put('pkg/app/build.yml', `image: app\norg: acme\narches: [${ARCH}]\n`);
  put('pkg/app/Dockerfile', 'FROM test/base:1\nCOPY build.yml /build.yml\n');
  base(`one of ${dir}`);
  commit();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('what is locked stays, whatever the tag means by now; an update is another tag of the package', async () => {
  await good('lock', 'pkg/app', '--update');
  expect(readFileSync(join(dir, LOCK), 'utf8')).toMatch(
    new RegExp(`^image docker\\.io/test/base:1 ${ARCH} sha256:[0-9a-f]{64}$`, 'm'),
  );
  commit();
  const first = await built();
  expect(first.reference).toContain(git('rev-parse', 'HEAD:pkg/app'));
  base(`two of ${dir}`);
  expect(await built()).toEqual(first);
  const drifted = await run('lock', 'pkg/app');
  expect([drifted.exitCode, drifted.stderr]).toEqual([2, expect.stringMatching(/E_DRIFT.*base:1/)]);

  await good('lock', 'pkg/app', '--update');
  commit();
  const second = await built();
  expect(second.reference).toContain(git('rev-parse', 'HEAD:pkg/app'));
  expect(second.reference).not.toBe(first.reference);
  expect(second.digest).not.toBe(first.digest);
});

test('an image that the lock file does not know is an error before any work', async () => {
  put('pkg/app/Dockerfile', 'FROM test/base:1\nCOPY --from=test/other:1 /x /x\n');
  const unknown = await run('pkg', 'build', 'pkg/app');
  expect([unknown.exitCode, unknown.stderr]).toEqual([
    2,
    expect.stringMatching(/E_DRIFT.*no entry for image docker\.io\/test\/other:1[^]*Dockerfile:2/),
  ]);
});
