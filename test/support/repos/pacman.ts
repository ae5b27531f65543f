/** A repository of Arch's family: packages as PKGBUILD(5) and makepkg(8) describe them, an index by repo-add, signed by gpg. */
import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { execa } from 'execa';
import { EPOCH, treeOf, type TestEntry } from '../../../src/steps/testing.ts';
import { signDetached, type SigningKey } from './openpgp.ts';
import type { TestPackage } from './packages.ts';

function sizeOf(entries: TestEntry[]): number {
  return entries.reduce((sum, { content = '' }) => sum + Buffer.byteLength(content), 0);
}

function packageInfo({ name, version, depends, conflicts, provides = [], entries }: TestPackage): string {
  const fields = [
    ['pkgname', name],
    ['pkgbase', name],
    ['pkgver', version],
    ['pkgdesc', 'For tests'],
    ['builddate', String(EPOCH)],
    ['packager', 'Tester <tester@example.org>'],
    ['size', String(sizeOf(entries))],
    ['arch', 'x86_64'],
    ...conflicts.map((other) => ['conflict', other]),
    ...provides.map((other) => ['provides', other]),
    ...depends.map((other) => ['depend', other]),
  ];
  return fields.map(([key, value]) => `${key} = ${value}\n`).join('');
}

function packageFile(pkg: TestPackage): Buffer {
  const { entries, script } = pkg;
  const install = `post_install() {\n${script}}\n`;
  const all: TestEntry[] = [
    { path: '.PKGINFO', content: packageInfo(pkg) },
    ...(script === '' ? [] : [{ path: '.INSTALL', content: install }]),
    ...entries,
  ];
  return zstdCompressSync(treeOf(all).tree);
}

async function repositoryOf(
  name: string,
  packages: TestPackage[],
  root: string,
  key?: SigningKey,
): Promise<void> {
  const cwd = join(root, name, 'os/x86_64');
  mkdirSync(cwd, { recursive: true });
  const files: string[] = [];
  for (const pkg of packages) {
    const file = `${pkg.name}-${pkg.version}-x86_64.pkg.tar.zst`;
    await writeFile(join(cwd, file), packageFile(pkg));
    if (key !== undefined) await signDetached(key, join(cwd, file), 'sig');
    files.push(file);
  }
  await execa('repo-add', ['--quiet', `${name}.db.tar.gz`, ...files], { cwd });
  if (key !== undefined) await signDetached(key, join(cwd, `${name}.db`), 'sig');
}

/** `ROOT/core/os/x86_64`, and the same of other repositories: packages and index. Without a key nothing is signed. */
export async function pacmanRepository(
  packages: TestPackage[],
  root: string,
  key?: SigningKey,
): Promise<void> {
  const byName = Map.groupBy(packages, ({ repository = 'core' }) => repository);
  for (const [name, held] of byName) await repositoryOf(name, held, root, key);
}
