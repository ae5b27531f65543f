import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readComposition } from '../compose/composition.ts';
import { OsmithError } from '../errors.ts';
import { choosePackages } from '../steps/pkg-resolve/run.ts';
import { packagesOn, readDebianPackage } from './debian.ts';

let dir = '';
beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'osmith-pkg-'))));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A package directory of this name with this `debian.yml`. */
function directory(name: string, text: string): string {
  mkdirSync(join(dir, name), { recursive: true });
  writeFileSync(join(dir, name, 'debian.yml'), text);
  return join(dir, name);
}

function told(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (!(error instanceof OsmithError)) throw error;
    const { where, hint } = error.details;
    expect(hint).toBeTruthy();
    return `${error.code} ${where?.file.replace(`${dir}/`, '') ?? ''}:${where?.line ?? ''} ${error.message.replaceAll(`${dir}/`, '')}`;
  }
  return 'nothing';
}

test('names and defaults', () => {
  const pkg = readDebianPackage(
    directory('web', 'packages: [a]\npackages_arm64: [b]\nconfig: {net: host}\n'),
  );
  expect(pkg).toMatchObject({ repository: 'linuxkit/web', kernel: false, config: { net: 'host' } });
  expect(packagesOn(pkg, 'amd64')).toEqual(['a']);
  expect(packagesOn(pkg, 'arm64')).toEqual(['a', 'b']);
  expect(pkg.whereOf('b')?.line).toBe(2);
});

test.each([
  ['packages: busybox', 'E_COMPOSE x/debian.yml:1 packages: expected array, received string'],
  ['package: [a]', 'E_COMPOSE x/debian.yml:1 There is no key package'],
  ['image: x', 'E_COMPOSE x/debian.yml: x/debian.yml names no packages'],
  ['packages:\n  - Busy Box', 'E_COMPOSE x/debian.yml:2 "Busy Box" cannot be the name of a Debian package'],
  ['packages:\n  - -o=x', 'E_COMPOSE x/debian.yml:2 "-o=x" cannot be the name of a Debian package'],
  [
    'mirror: true\npackages: [a]\nonly: [a]',
    'E_COMPOSE x/debian.yml:3 A mirror has no only: it holds package files as they are',
  ],
  [
    'packages: [a]\nexclude:\n  - usr/../../etc',
    'E_COMPOSE x/debian.yml:3 "usr/../../etc" cannot be a pattern of paths: they are relative, without ..',
  ],
  [
    'packages: [a]\nexclude:\n  - /etc',
    'E_COMPOSE x/debian.yml:3 "/etc" cannot be a pattern of paths: they are relative, without ..',
  ],
  [
    'packages: [a]\nconfig:\n  net: host\n  hostnam: x',
    'E_COMPOSE x/debian.yml:4 There is no key config.hostnam',
  ],
])('%j', (text, expected) => {
  expect(told(() => readDebianPackage(directory('x', text)))).toBe(expected);
});

test('a directory without debian.yml, and a machine without packages', () => {
  expect(told(() => readDebianPackage(join(dir, 'nowhere')))).toMatch(
    /^E_COMPOSE : nowhere is no package directory: ENOENT/,
  );
  const pkg = readDebianPackage(directory('one', 'packages_amd64: [a]'));
  expect(told(() => packagesOn(pkg, 'arm64'))).toBe(
    'E_COMPOSE one/debian.yml: one/debian.yml names no packages for arm64',
  );
});

test('templates become references wherever they stand, other words with @ stay', () => {
  const text = 'init: ["@pkg:../web"]\nservices: [{name: a, image: "@pkg:b", command: ["@reboot"]}]';
  const asked: string[] = [];
  const composition = readComposition([{ file: '/x/images/s.yml', text }], (path) => {
    asked.push(path);
    return `test/${path.split('/').at(-1)}:1`;
  });
  expect(asked).toEqual(['/x/web', '/x/images/b']);
  expect(composition.init[0]?.image).toBe('test/web:1');
  expect(composition.services[0]).toMatchObject({ image: 'test/b:1', command: ['@reboot'] });
});

test('only and without choose among what is needed', () => {
  const file = (name: string) => ({
    ...{ name, version: '1', arch: 'all', file: `${name}.deb`, url: '', size: 0 },
    sha256: '0'.repeat(64),
  });
  const list = { index: '', packages: ['libc6', 'linux-image-6', 'linux-base', 'a+b'].map(file) };
  const chosen = (only: string[], without: string[]) =>
    choosePackages(list, only, without).packages.map(({ name }) => name);
  expect(chosen([], [])).toEqual(['libc6', 'linux-image-6', 'linux-base', 'a+b']);
  expect(chosen(['linux-*'], ['*-base'])).toEqual(['linux-image-6']);
  expect(chosen([], ['a+b'])).toEqual(['libc6', 'linux-image-6', 'linux-base']);
  expect(told(() => chosen([], ['libc']))).toBe('E_PACKAGE_MISSING : None of the packages is called libc');
});
