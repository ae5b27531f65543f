/** Tags next to what git itself and independent hashes say of real repositories. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OsmithError } from '../errors.ts';
import { openDebianPackage } from './debian.ts';
import { openFamily } from './family.ts';
import { buildFileNames, readPackage, type TagOptions } from './package.ts';

let dir = '';
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'osmith-test-')));
  git('init', '-q');
  put('pkg/a/build.yml', 'image: a\norg: acme\n');
  put('pkg/a/Dockerfile', 'FROM scratch\n');
  put('pkg/a/sub/x', 'x\n');
  put('common/lib', 'lib\n');
  put('.gitignore', '*.o\n');
  git('add', '-A');
  commit();
});
afterEach(() => rmSync(dir, { recursive: true }));

const IDENTITY = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false'];
function git(...args: string[]): string {
  return execFileSync('git', ['-C', dir, ...IDENTITY, ...args], { encoding: 'utf8' }).trim();
}
function commit(): void {
  git('commit', '-q', '--allow-empty', '-m', 'x');
}
function put(name: string, text: string): void {
  mkdirSync(dirname(join(dir, name)), { recursive: true });
  writeFileSync(join(dir, name), text);
}
/** Another program's hash of a text. */
function sum(kind: 'sha1sum' | 'sha256sum', text: string): string {
  return execFileSync(kind, { input: text, encoding: 'utf8' }).split(' ')[0]!;
}
async function tag(options: TagOptions = {}, path = 'pkg/a'): Promise<string> {
  return (await readPackage(join(dir, path), options)).reference;
}
async function fault(options: TagOptions = {}): Promise<string> {
  const error = await readPackage(join(dir, 'pkg/a'), options).catch(
    (thrown: unknown) => thrown as OsmithError,
  );
  const first = error as OsmithError;
  return [first, ...(first.details.also ?? [])]
    .map(({ code, message, details: { where } }) => {
      const at = where === undefined ? '' : `${where.file.replace(`${dir}/`, '')}:${where.line} `;
      return `${code} ${at}${message.replaceAll(`${dir}/`, '')}`;
    })
    .join('\n');
}
const BUILD = 'image: a\norg: acme\n';
const DOCKERFILE = 'FROM scratch\n';

test("a package made of Debian's has a tag by the same rule", async () => {
  put('pkg/web/debian.yml', 'packages: [busybox-static]\n');
  put('pkg/web/root/x', 'x\n');
  git('add', '-A');
  commit();
  const web = async () => (await openDebianPackage(join(dir, 'pkg/web'))).reference;
  const tree = git('rev-parse', 'HEAD:pkg/web');
  expect(await web()).toBe(`linuxkit/web:${tree}`);
  put('pkg/web/root/x', 'y\n');
  expect(await web()).toBe(
    `linuxkit/web:${tree}-dirty-${sum('sha256sum', 'packages: [busybox-static]\ny\n').slice(0, 7)}`,
  );
  git('commit', '-q', '-a', '-m', 'y');
  const family = openFamily([], {}, [join(dir, 'pkg')]);
  const found = await family.byReference(`linuxkit/web:${git('rev-parse', 'HEAD:pkg/web')}`);
  expect(found?.dir).toBe(join(dir, 'pkg/web'));
  expect(await family.byReference(`linuxkit/web:${tree}`)).toBeUndefined();
});

test('the tag of a clean package is its tree in git, in any commit', async () => {
  const tree = git('rev-parse', 'HEAD:pkg/a');
  expect(await tag()).toBe(`acme/a:${tree}`);
  put('common/lib', 'other\n');
  expect(await tag()).toBe(`acme/a:${tree}`);
  put('pkg/a/sub/x', 'y\n');
  git('add', '-A');
  commit();
  expect(await tag()).toBe(`acme/a:${git('rev-parse', 'HEAD:pkg/a')}`);
  expect(await tag({ hashCommit: 'HEAD^' })).toBe(`acme/a:${tree}`);
  expect(await tag({ hashPath: dir })).toBe(`acme/a:${git('rev-parse', 'HEAD^{tree}')}`);
  expect(await tag({ hashPath: join(dir, 'pkg') })).toBe(`acme/a:${git('rev-parse', 'HEAD:pkg')}`);
});

test('a changed package has a hash of the contents behind it: tracked files, then the others, in order of git', async () => {
  const tree = git('rev-parse', 'HEAD:pkg/a');
  const dirty = (text: string) => `acme/a:${tree}-dirty-${sum('sha256sum', text).slice(0, 7)}`;
  put('pkg/a/sub/x', 'changed\n');
  expect(await tag()).toBe(dirty(`${DOCKERFILE}${BUILD}changed\n`));
  put('pkg/a/new', 'new\n');
  put('pkg/a/ignored.o', 'ignored\n');
  symlinkSync('new', join(dir, 'pkg/a/link'));
  expect(await tag()).toBe(dirty(`${DOCKERFILE}${BUILD}changed\nnew\n`));
  rmSync(join(dir, 'pkg/a/sub/x'));
  expect(await tag()).toBe(dirty(`${DOCKERFILE}${BUILD}new\n`));
  git('checkout', '-q', '.');
  rmSync(join(dir, 'pkg/a/new'));
  rmSync(join(dir, 'pkg/a/link'));
  expect(await tag()).toBe(`acme/a:${tree}`);
  expect(await tag({ forceDirty: true })).toBe(dirty(`${DOCKERFILE}${BUILD}x\n`));
});

test('further sources go into the hash', async () => {
  put('pkg/a/build.yml', `${BUILD}extra-sources: ["../../common:lib"]\n`);
  git('add', '-A');
  commit();
  const both = git('rev-parse', 'HEAD:pkg/a') + git('rev-parse', 'HEAD:common');
  expect(await tag()).toBe(`acme/a:${sum('sha1sum', both)}`);
});

test('what the command line says in place of that', async () => {
  const tree = git('rev-parse', 'HEAD:pkg/a');
  put('pkg/a/new', 'new\n');
  expect(await tag({ hash: 'abc' })).toBe('acme/a:abc');
  expect(await tag({ hash: 'abc', tag: '{{ .Hash }}-generic' })).toBe('acme/a:abc-generic');
  expect(await tag({ org: 'reg.example:5000/o', hash: 'h' })).toBe('reg.example:5000/o/a:h');
  expect(await tag({ dev: true, org: 'me' })).toBe('me/a:dev');
  put('pkg/a/build-k.yml', 'image: a-k\norg: acme\n');
  git('add', '-A');
  commit();
  expect(await tag({ buildYml: buildFileNames({ hv: 'k', platform: 'rt' }) })).toMatch(
    /^acme\/a-k:[0-9a-f]{40}$/,
  );
  expect(await tag({ buildYml: buildFileNames({ hv: 'kvm', dev: true, platform: 'rt' }) })).toMatch(
    /^acme\/a:/,
  );
  expect(git('rev-parse', 'HEAD:pkg/a')).not.toBe(tree);
});

test.each<[string, Parameters<typeof buildFileNames>[0], string]>([
  ['nothing', {}, 'build.yml'],
  ['platform', { platform: 'rt' }, 'build-rt.yml build.yml'],
  ['k', { hv: 'k', platform: 'rt' }, 'build-k.yml build-rt.yml build.yml'],
  ['k and dev', { hv: 'k', dev: true }, 'build-k-dev.yml build-dev.yml build.yml'],
  ['rstats before dev', { rstats: true, dev: true }, 'build-rstats.yml build-dev.yml build.yml'],
])('build files for %s', (_what, variant, names) => {
  expect(buildFileNames(variant).join(' ')).toBe(names);
});

test('outside of git a package is the latest', async () => {
  rmSync(join(dir, '.git'), { recursive: true });
  expect(await tag()).toBe('acme/a:latest');
  expect(await tag({ hash: 'h' })).toBe('acme/a:h');
});

test.each<[string, string, TagOptions, string]>([
  [
    'an unknown key',
    `${BUILD}imag: b\nconfig: {capabilites: [x]}\n`,
    {},
    'E_PKG pkg/a/build.yml:3 There is no key imag',
  ],
  ['no image', 'org: acme\n', {}, 'E_PKG pkg/a/build.yml:1 image: expected string, but it is missing'],
  ['no YAML', 'image: [\n', {}, 'E_PKG pkg/a/build.yml:2 This is not YAML'],
  ['a bad name', 'image: A b\n', {}, 'E_PKG pkg/a/build.yml:1 "A b" cannot be the image of an image'],
  [
    'an architecture',
    `${BUILD}arches: [amd64, arm]\n`,
    {},
    'E_PKG pkg/a/build.yml:3 There is no architecture arm',
  ],
  ['a truth value', `${BUILD}network: maybe\n`, {}, 'E_PKG pkg/a/build.yml:3 network: expected yes or no'],
  [
    'a source outside',
    `${BUILD}extra-sources: ["../x:../y"]\n`,
    {},
    'E_PKG pkg/a/build.yml:3 ../y is outside of the package',
  ],
  [
    'no such source',
    `${BUILD}extra-sources: ["../x:y"]\n`,
    {},
    'E_PKG pkg/a/build.yml:3 There is no ../x for the package',
  ],
  ['a tag', `${BUILD}tag: "a b"\n`, { hash: 'h' }, 'E_PKG pkg/a/build.yml:3 "a b" is no tag of an image'],
  [
    'a commit',
    BUILD,
    { hashCommit: 'nothing' },
    'E_PKG There is no commit nothing in the repository of pkg/a',
  ],
  ['a hash path', BUILD, { hashPath: '/usr' }, 'E_USAGE The hash path /usr is no parent of pkg/a'],
  ['another file', BUILD, { buildYml: ['other.yml'] }, 'E_PKG pkg/a is no package: it has no other.yml'],
])('bad: %s', async (_what, text, options, message) => {
  put('pkg/a/build.yml', text);
  expect(await fault(options)).toContain(message);
});

test('a package that was never committed has no tag, and is no hindrance to others', async () => {
  put('pkg/b/build.yml', 'image: b\n');
  const family = openFamily([join(dir, 'pkg/a')]);
  expect(await family.byImage('linuxkit/b')).toEqual([]);
  await expect(family.at(join(dir, 'pkg/b'))).rejects.toMatchObject({ code: 'E_PKG' });
  git('add', '-A');
  commit();
  const again = openFamily([join(dir, 'pkg/a')]);
  const reference = `linuxkit/b:${git('rev-parse', 'HEAD:pkg/b')}`;
  expect((await again.byReference(reference))?.name).toBe('b');
  expect(await again.byReference('linuxkit/b:other')).toBeUndefined();
  expect((await again.byImage('linuxkit/b:other')).map(({ name }) => name)).toEqual(['b']);
});
