/** A repository of Debian's family: packages as deb(5) describes them, an index by apt-ftparchive, signed by gpg. */
import { mkdirSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { DIRECTORY, HARD_LINK } from '../../../src/run/layer/entry.ts';
import { EPOCH, treeOf } from '../../../src/steps/testing.ts';
import { debianOwn } from './deb-own.ts';
import { signInline, type SigningKey } from './openpgp.ts';
import type { PackageEntry, TestPackage } from './packages.ts';

/** A member of an archive, ar(5). */
function member(name: string, data: Buffer): Buffer {
  const fields = [
    name.padEnd(16),
    String(EPOCH).padEnd(12),
    '0     0     100644  ',
    String(data.length).padEnd(10),
  ];
  const header = Buffer.from(`${fields.join('')}\`\n`, 'latin1');
  return Buffer.concat([header, data, Buffer.alloc(data.length % 2, '\n')]);
}

/** As dpkg-deb writes names. It knows no extended attributes: packages have scripts that set them. */
function dotted(entry: PackageEntry): PackageEntry {
  const link = entry.type === HARD_LINK ? { link: `./${entry.link}` } : {};
  return { ...entry, path: `./${entry.path}`, xattrs: new Map(), ...link };
}

/** Of Debian's own packages: nothing is unpacked without the first one, every system has both. */
const ESSENTIAL = 'dpkg';
const REQUIRED = ['dpkg', 'apt'];

function control({ name, version, depends, conflicts, provides = [] }: TestPackage): string {
  const fields = [
    ['Package', name],
    ['Version', version],
    ['Architecture', 'amd64'],
    ['Maintainer', 'Tester <tester@example.org>'],
    ['Description', 'For tests'],
    ['Priority', REQUIRED.includes(name) ? 'required' : 'optional'],
    ...(name === ESSENTIAL ? [['Essential', 'yes']] : []),
    ...[
      ['Depends', depends] as const,
      ['Conflicts', conflicts] as const,
      ['Provides', provides] as const,
    ].flatMap(([field, names]) => (names.length === 0 ? [] : [[field, names.join(', ')]])),
  ];
  return fields.map(([field, value]) => `${field}: ${value}\n`).join('');
}

function packageFile(pkg: TestPackage): Buffer {
  const { entries, script } = pkg;
  const capable = entries.filter(({ xattrs }) => xattrs?.has('security.capability'));
  const commands = script + capable.map(({ path }) => `setcap cap_net_raw+ep /${path}\n`).join('');
  const meta: PackageEntry[] = [
    { path: './control', content: control(pkg) },
    ...(commands === ''
      ? []
      : [{ path: './postinst', mode: 0o755, content: `#!/bin/sh\nset -e\n${commands}` }]),
  ];
  return Buffer.concat([
    Buffer.from('!<arch>\n'),
    member('debian-binary', Buffer.from('2.0\n')),
    member('control.tar', treeOf(meta).tree),
    member('data.tar', treeOf(entries.map(dotted)).tree),
  ]);
}

/** Names that are paths are no packages' here. */
const named = (names: string[]) => names.filter((name) => !name.startsWith('/'));

/** What is in the last component, where there are several: what no other package needs. */
const FURTHER = ['extra', 'libextra'];

/** `ROOT/pool` and `ROOT/dists/SUITE`. Without a key nothing is signed. */
export async function debRepository(
  packages: TestPackage[],
  root: string,
  key?: SigningKey,
  { suite = 'trixie', components = ['main'] } = {},
): Promise<void> {
  const dist = join(root, 'dists', suite);
  const componentOf = ({ name }: TestPackage) => components.at(FURTHER.includes(name) ? -1 : 0)!;
  for (const component of components) {
    mkdirSync(join(root, 'pool', component), { recursive: true });
    mkdirSync(join(dist, component, 'binary-amd64'), { recursive: true });
  }
  const own = await debianOwn();
  const real = new Set(
    own.flatMap(({ entries }) => entries).flatMap(({ path, type }) => (type === DIRECTORY ? [] : [path])),
  );
  const others = packages.map((pkg) => ({
    ...pkg,
    entries: pkg.entries.filter(({ path }) => !real.has(path)),
  }));
  for (const pkg of [...others, ...own]) {
    const file = `${pkg.name}_${pkg.version.replace(/^\d+:/, '')}_amd64.deb`;
    const place = join(root, 'pool', componentOf(pkg), file);
    await writeFile(place, packageFile({ ...pkg, provides: named(pkg.provides ?? []) }));
  }
  for (const component of components) {
    const { stdout: index } = await execa('apt-ftparchive', ['packages', `pool/${component}`], { cwd: root });
    await writeFile(join(dist, component, 'binary-amd64/Packages'), `${index}\n`);
  }
  const fields = { Suite: suite, Codename: suite, Components: components.join(' '), Architectures: 'amd64' };
  const options = Object.entries(fields).flatMap(([name, value]) => [
    '-o',
    `APT::FTPArchive::Release::${name}=${value}`,
  ]);
  const { stdout: release } = await execa('apt-ftparchive', [...options, 'release', dist]);
  // Beside the directory first: else it would be one of the files that it lists.
  const file = join(root, 'Release');
  await writeFile(file, `${release}\n`);
  if (key !== undefined) await signInline(key, file, join(dist, 'InRelease'));
  await rename(file, join(dist, 'Release'));
}
