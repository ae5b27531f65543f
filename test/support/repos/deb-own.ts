/** dpkg and apt, which every system of Debian's family must have: Debian's own, with what they need, as two packages. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { DIRECTORY, SYMLINK } from '../../../src/run/layer/entry.ts';
import { indexTar } from '../../../src/run/layer/index.ts';
import { debianPackages } from '../rootfs.ts';
import { contentOf } from './debian-files.ts';
import type { PackageEntry, TestPackage } from './packages.ts';

const DPKG = [
  ...['dpkg', 'tar', 'libc6', 'libc-bin', 'libcap2', 'libcap2-bin'],
  ...['libacl1', 'libbz2-1.0', 'liblzma5', 'libmd0', 'libpcre2-8-0', 'libselinux1', 'libzstd1', 'zlib1g'],
];
const APT = [
  ...['apt', 'libapt-pkg7.0', 'libgcc-s1', 'liblz4-1', 'libseccomp2', 'libssl3t64', 'libstdc++6'],
  ...['libsystemd0', 'libudev1', 'libxxhash0'],
];

/** What programs need, and what apt and dpkg read. */
const KEPT =
  /^(?:usr\/(?:bin|sbin|lib|lib64)|etc\/(?:apt|dpkg)|usr\/share\/dpkg|var\/(?:cache|lib|log)\/(?:apt|dpkg))(?:\/|$)/;
const LEFT_OUT = /^usr\/lib\/(?:systemd|x86_64-linux-gnu\/(?:audit|gconv|ossl-modules|engines-3))(?:\/|$)/;

/** What the base of a system of other families is made with. */
const GIVEN = ['dev', 'proc', 'run', 'sys', 'usr/lib64'];

/** Directories that both packages have, or the test packages, are the same in all. */
async function entriesOf(files: string[]): Promise<PackageEntry[]> {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-make-'));
  const found = new Map<string, PackageEntry>();
  for (const file of files) {
    const tar = join(dir, 'data.tar');
    await execa('dpkg-deb', ['--fsys-tarfile', file], { stdout: { file: tar } });
    for (const { offset, ...entry } of indexTar(tar)) {
      if (!KEPT.test(entry.path) || LEFT_OUT.test(entry.path)) continue;
      found.set(entry.path, { ...entry, content: contentOf({ entry, file: tar, offset }) });
    }
  }
  await rm(dir, { recursive: true });
  return [...found.values()];
}

async function make(): Promise<TestPackage[]> {
  const files = await debianPackages([...DPKG, ...APT, 'coreutils']);
  const of = (...names: string[]) => entriesOf(names.map((name) => files.get(name)!));
  const plain = { version: '1.2-3', conflicts: [], script: '' };
  const dir = (path: string, mode = 0o755): PackageEntry => ({ path, type: DIRECTORY, mode });
  // busybox has a dpkg of its own, which its env prefers.
  const env = (await of('coreutils')).filter(({ path }) => path === 'usr/bin/env');
  const lib64: PackageEntry = { path: 'lib64', type: SYMLINK, mode: 0o777, link: 'usr/lib64' };
  return [
    {
      ...{ ...plain, name: 'dpkg', depends: ['filesystem', 'shell'] },
      entries: [...GIVEN.map((path) => dir(path)), dir('tmp', 0o1777), lib64, ...env, ...(await of(...DPKG))],
    },
    { ...plain, name: 'apt', depends: ['dpkg'], entries: await of(...APT) },
  ];
}

let made: Promise<TestPackage[]> | undefined;

/** The two, made once. */
export function debianOwn(): Promise<TestPackage[]> {
  return (made ??= make());
}
