/** The distributions, and how a repository of each is made and a system of each asked what is installed in it. */
import { join } from 'node:path';
import { execa } from 'execa';
import { apkKeys, apkQuery, apkRepository, apkVersion } from './apk.ts';
import { debRepository } from './deb.ts';
import { runManager } from '../rootfs.ts';
import type { SigningKey } from './openpgp.ts';
import type { TestPackage } from './packages.ts';
import { pacmanRepository } from './pacman.ts';
import { rpmRepository } from './rpm.ts';

type Loaders = Record<'shim' | 'grub' | 'grubnet' | 'mm', string>;

/** Where a distribution that has no loaders of its own is without them. */
type Boot = { vmlinuz: string } & Partial<Loaders>;

export interface Family {
  name: string;
  branch: string;
  distro: string;
  suite: string;
  arch: 'amd64' | 'arm64';
  components: string[];
  /** Pattern of what is below usr/share/doc. */
  documentation: string;
  /** What bootstrap.keyring names; default: the file of the public key. */
  keyring?: (key: SigningKey) => string;
  /** Keys that are valid for ever. */
  timeless?: boolean;
  /** How a version is written; default: as in the test packages. */
  version?: (version: string) => string;
  /** Whether packages can be installed without their scripts. */
  scriptless: boolean;
  /** The file of a repository that no one may change: its path matches. */
  index: RegExp;
  /** Where the distribution's own packages have what boots a machine; absent: they boot none. */
  boot?: Boot;
  /** Its trees have the usual device nodes. */
  devices?: boolean;
  /** Packages that every system has besides. */
  own?: string[];
  repository: (packages: TestPackage[], root: string, key?: SigningKey) => Promise<void>;
  /** `NAME VERSION` of each installed package, as the package manager says. */
  query: (root: string) => Promise<string[]>;
}

function words(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

async function lines(argv: [string, ...string[]]): Promise<string[]> {
  const [program, ...args] = argv;
  return words((await execa(program, args)).stdout);
}

const QUERY = ['-qa', '--qf', '%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n'];

interface Rpm extends Pick<Family, 'branch' | 'distro' | 'suite' | 'boot'> {
  arch?: Family['arch'];
  component: string;
  /** Of the repository on a mirror. */
  path: string;
  database: string;
  index: RegExp;
  checksum?: string;
  /** Asks with the program of the tools, where this machine's cannot read the database. */
  ownQuery?: string[];
}

function rpm({ component, path, database, checksum = 'sha256', ownQuery, ...more }: Rpm): Family {
  const { distro, branch, arch = 'amd64' } = more;
  const machine = arch === 'arm64' ? 'aarch64' : 'x86_64';
  return {
    ...more,
    ...{ name: arch === 'amd64' ? distro : `${distro} ${arch}`, arch, components: [component] },
    ...{ documentation: 'usr/share/doc', scriptless: true },
    repository: (packages, root, key) =>
      rpmRepository(packages, join(root, path), key, { arch: machine, checksum }),
    query: async (root) => {
      const where = ['--dbpath', join(root, database)];
      if (ownQuery === undefined) return lines(['rpm', ...where, ...QUERY]);
      return words(await runManager(branch, ['rpm', ...ownQuery, ...where, ...QUERY], root));
    },
  };
}

/** `boot/efi/EFI/VENDOR` as Red Hat's family has it. */
function efiOf(vendor: string, suffix: string): Loaders {
  const at = `boot/efi/EFI/${vendor}`;
  const grub = `${at}/grub${suffix}.efi`;
  return { shim: `${at}/shim${suffix}.efi`, grub, grubnet: grub, mm: `${at}/mm${suffix}.efi` };
}

function fedora(arch: Family['arch']): Family {
  const [machine, suffix] = arch === 'arm64' ? ['aarch64', 'aa64'] : ['x86_64', 'x64'];
  return rpm({
    ...{ branch: 'fed', distro: 'fedora', suite: '42', arch, component: 'fedora' },
    ...{
      path: `releases/42/Everything/${machine}/os`,
      database: 'usr/lib/sysimage/rpm',
      index: /primary\.xml/,
    },
    boot: { vmlinuz: `usr/lib/modules/6.14.0-63.fc42.${machine}/vmlinuz`, ...efiOf('fedora', suffix) },
  });
}

function almalinux(arch: Family['arch']): Family {
  const [machine, suffix] = arch === 'arm64' ? ['aarch64', 'aa64'] : ['x86_64', 'x64'];
  return rpm({
    ...{ branch: 'alma', distro: 'almalinux', suite: '9', arch, component: 'BaseOS' },
    ...{ path: `9/BaseOS/${machine}/os`, database: 'var/lib/rpm', index: /primary\.xml/ },
    boot: { vmlinuz: `usr/lib/modules/5.14.0-570.el9.${machine}/vmlinuz`, ...efiOf('almalinux', suffix) },
  });
}

/** Leap for one architecture, Tumbleweed for the other. */
const SUSE = { branch: 'suse', distro: 'opensuse', component: 'oss', database: 'usr/lib/sysimage/rpm' };
const SUSE_QUERY = { index: /repomd\.xml$/, ownQuery: ['--define', '_db_backend ndb'] };

const leap = rpm({
  ...SUSE,
  ...SUSE_QUERY,
  ...{ suite: '16.0', path: 'distribution/leap/16.0/repo/oss/x86_64' },
  boot: {
    vmlinuz: 'usr/lib/modules/6.12.0-160000.5-default/vmlinuz',
    shim: 'usr/share/efi/x86_64/shim-opensuse.efi',
    grub: 'usr/share/grub2/x86_64-efi/grub.efi',
    grubnet: 'usr/share/grub2/x86_64-efi/grub.efi',
    mm: 'usr/share/efi/x86_64/MokManager.efi',
  },
});

const tumbleweed = rpm({
  ...SUSE,
  ...SUSE_QUERY,
  ...{ suite: 'tumbleweed', arch: 'arm64', path: 'ports/aarch64/tumbleweed/repo/oss', checksum: 'sha512' },
  boot: {
    vmlinuz: 'usr/lib/modules/6.17.0-1-default/Image',
    shim: 'usr/share/efi/aarch64/shim-opensuse.efi',
    grub: 'usr/share/grub2/arm64-efi/grub.efi',
    grubnet: 'usr/share/grub2/arm64-efi/grub.efi',
    mm: 'usr/share/efi/aarch64/MokManager.efi',
  },
});

const GRUB = 'usr/lib/grub/x86_64-efi-signed';

interface Deb extends Pick<Family, 'name' | 'branch' | 'suite' | 'components'> {
  boot: Pick<Loaders & Boot, 'vmlinuz' | 'shim' | 'mm'>;
}

function deb({ boot, ...more }: Deb): Family {
  const { name, suite, components } = more;
  return {
    ...{ ...more, distro: name, arch: 'amd64' },
    ...{ documentation: 'usr/share/doc/*', scriptless: false, index: /InRelease$/ },
    ...{ own: ['apt', 'dpkg'], devices: true },
    boot: { ...boot, grub: `${GRUB}/grubx64.efi.signed`, grubnet: `${GRUB}/grubnetx64.efi.signed` },
    repository: (packages, root, key) => debRepository(packages, root, key, { suite, components }),
    query: (root) =>
      lines(['dpkg-query', '--admindir', join(root, 'var/lib/dpkg'), '-W', '-f', '${Package} ${Version}\n']),
  };
}

const debian = deb({
  ...{ name: 'debian', branch: 'deb', suite: 'trixie', components: ['main'] },
  boot: {
    vmlinuz: 'boot/vmlinuz-6.12.48+deb13-amd64',
    ...{ shim: 'usr/lib/shim/shimx64.efi.signed', mm: 'usr/lib/shim/mmx64.efi.signed' },
  },
});

const ubuntu = deb({
  ...{ name: 'ubuntu', branch: 'ubu', suite: 'noble', components: ['main', 'universe'] },
  boot: {
    vmlinuz: 'boot/vmlinuz-6.8.0-87-generic',
    ...{ shim: 'usr/lib/shim/shimx64.efi.signed.latest', mm: 'usr/lib/shim/mmx64.efi' },
  },
});

/** Those that everything is proven of. */
export const FAMILIES: Family[] = [
  debian,
  ubuntu,
  {
    ...{
      name: 'arch',
      branch: 'arch',
      distro: 'arch',
      suite: 'rolling',
      components: ['core'],
      arch: 'amd64',
    },
    ...{ documentation: 'usr/share/doc/*', scriptless: true, index: /core\.db(?:\.tar\.gz)?$/ },
    boot: { vmlinuz: 'usr/lib/modules/6.17.1-arch1-1/vmlinuz' },
    repository: pacmanRepository,
    query: (root) => lines(['pacman', '--dbpath', join(root, 'var/lib/pacman'), '-Q']),
  },
  fedora('amd64'),
  almalinux('amd64'),
  leap,
  {
    ...{
      name: 'alpine',
      branch: 'alpine',
      distro: 'alpine',
      suite: 'v3.22',
      components: ['main'],
      arch: 'amd64',
    },
    ...{
      documentation: 'usr/share/doc/*',
      scriptless: true,
      index: /APKINDEX\.tar\.gz$/,
      timeless: true,
    },
    ...{ repository: apkRepository, keyring: apkKeys, version: apkVersion, query: apkQuery },
  },
];

/** Of another architecture than this machine's. */
export const FOREIGN: Family[] = [fedora('arm64'), almalinux('arm64'), tumbleweed];
