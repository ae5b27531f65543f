/** A repository of RPM's family, by the family's own tools: rpmbuild, rpmsign, createrepo_c; its index is signed by gpg. */
import { mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { EPOCH, treeOf } from '../../../src/steps/testing.ts';
import { DIRECTORY, SYMLINK } from '../../../src/run/layer/entry.ts';
import { signDetached, SIGNED_AT, type SigningKey } from './openpgp.ts';
import type { PackageEntry, TestPackage } from './packages.ts';

const OWNERS: Record<number, string> = { 0: 'root', 33: 'www-data' };

/** Paths are patterns, in which a backslash cannot stand for itself. */
function quoted(path: string): string {
  return `"/${path.replaceAll('\\', '?').replaceAll('%', '%%')}"`;
}

function fileLine({ path, type, mode = 0o644, uid = 0, gid = 0, names, xattrs }: PackageEntry): string {
  const bits = type === SYMLINK ? '-' : mode.toString(8);
  const words = [
    `%attr(${bits}, ${(names ?? [OWNERS[uid], OWNERS[gid]]).join(', ')})`,
    ...(type === DIRECTORY ? ['%dir'] : []),
    ...(xattrs === undefined || xattrs.size === 0 ? [] : ['%caps(cap_net_raw=ep)']),
    quoted(path),
  ];
  return words.join(' ');
}

/** All packages out of one description. */
function spec(packages: TestPackage[]): string {
  const sections = packages.map(({ name, version, depends, conflicts, provides = [], entries, script }) => {
    const [, epoch = '0', bare, release] = /^(?:(\d+):)?(.*)-(.*)$/.exec(version)!;
    const lines = [
      `%package -n ${name}`,
      ...[
        `Version: ${bare}`,
        `Release: ${release}`,
        ...(epoch === '0' ? [] : [`Epoch: ${epoch}`]),
        'Summary: For tests',
        'AutoReqProv: no',
      ],
      ...depends.map((other) => `Requires: ${other}`),
      ...conflicts.map((other) => `Conflicts: ${other}`),
      ...provides.map((other) => `Provides: ${other}`),
      `%description -n ${name}`,
      'For tests.',
      ...(script === '' ? [] : [`%post -n ${name}`, script]),
      `%files -n ${name}`,
      ...entries.map(fileLine),
    ];
    return `${lines.join('\n')}\n`;
  });
  return `Name: parts
Version: 1
Release: 1
Summary: For tests
License: MIT
%description
For tests.
%install
tar -x -f %{_sourcedir}/files.tar -C %{buildroot} --no-same-owner
${sections.join('')}`;
}

const MACROS = {
  _build_id_links: 'none',
  __os_install_post: '%{nil}',
  _binary_payload: 'w3.zstdio',
  clamp_mtime_to_source_date_epoch: '1',
  use_source_date_epoch_as_buildtime: '1',
  _buildhost: 'test',
};

function defines(macros: Record<string, string>): string[] {
  return Object.entries(macros).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
}

/** Packages and index in `directory`. Without a key nothing is signed. */
export async function rpmRepository(
  packages: TestPackage[],
  directory: string,
  key?: SigningKey,
  { arch = 'x86_64', checksum = 'sha256' } = {},
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const top = mkdtempSync(join(tmpdir(), 'osmith-make-'));
  await writeFile(join(top, 'files.tar'), treeOf(packages.flatMap(({ entries }) => entries)).tree);
  await writeFile(join(top, 'parts.spec'), spec(packages));
  const places = {
    _topdir: top,
    _sourcedir: top,
    _rpmdir: directory,
    _rpmfilename: '%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm',
  };
  await execa(
    'rpmbuild',
    ['-bb', '--quiet', '--target', arch, ...defines({ ...MACROS, ...places }), join(top, 'parts.spec')],
    {
      env: { SOURCE_DATE_EPOCH: String(EPOCH) },
    },
  );
  await rm(top, { recursive: true });
  const files = readdirSync(directory).filter((name) => name.endsWith('.rpm'));
  if (key !== undefined) {
    const signing = {
      __gpg: '/usr/bin/gpg',
      _gpg_name: key.fingerprint,
      _gpg_path: key.home,
      _gpg_sign_cmd_extra_args: `--faked-system-time ${SIGNED_AT}`,
    };
    await execa('rpmsign', [...defines(signing), '--addsign', ...files], { cwd: directory });
  }
  await execa('createrepo_c', ['--quiet', '--checksum', checksum, '.'], { cwd: directory });
  if (key !== undefined) await signDetached(key, join(directory, 'repodata/repomd.xml'), 'asc', true);
}
