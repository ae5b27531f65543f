/** Packages that Arch Linux's containers are made of, in its names and repositories: cut out of a Debian container. */
import type { TestEntry } from '../../../src/steps/testing.ts';
import { SYMLINK } from '../../../src/run/layer/entry.ts';
import { cut, type Cut } from './cut.ts';
import { containerFiles, type DebianFile, type DebianFiles } from './debian-files.ts';
import type { TestPackage } from './packages.ts';

const text = (path: string, content: string, mode = 0o644): TestEntry => ({ path, mode, content });
const link = (path: string, to: string): TestEntry => ({ path, type: SYMLINK, mode: 0o777, link: to });

const DEBIAN = [
  ...['archlinux-keyring', 'ca-certificates', 'gpg', 'gpg-agent', 'libarchive-tools', 'locales', 'makepkg'],
  ...['p11-kit', 'p11-kit-modules', 'pacman-package-manager', 'systemd'],
  ...['g++', 'gcc', 'make', 'sudo', 'g++-multilib', 'gcc-multilib'],
];

/** What Debian's packages do when they are installed, and Arch's by hooks and scriptlets or not at all. */
const DONE = [
  /^etc\/(?:passwd|group|g?shadow|sub[ug]id)-?$/,
  /^etc\/(?:ca-certificates\.conf|locale\.(?:conf|gen)|ssl\/.*)$/,
  /^(?:root\/|var\/lib\/systemd\/).*/,
];

function lines(type: string, ...accounts: string[]): string {
  return accounts.map((account) => `${type} ${account}\n`).join('');
}

/** As Arch's `filesystem` has them: everybody but root comes by sysusers.d, and root has no password yet. */
const ACCOUNTS = [
  text('etc/passwd', 'root:x:0:0::/root:/usr/bin/bash\n'),
  // Debian's programs have a group that Arch's have not.
  text('etc/group', 'root:x:0:root\nshadow:x:42:\n'),
  text('etc/shadow', 'root::14871::::::\n', 0o600),
  text('etc/gshadow', 'root:::root\nshadow:!::\n', 0o600),
  text('usr/lib/sysusers.d/arch.conf', lines('u', 'bin 1', 'daemon 2', 'ftp 14', 'http 33', 'mail 8')),
  text(
    'usr/lib/sysusers.d/basic.conf',
    lines('u', 'root 0', 'nobody 65534') + lines('g', 'tty 5', 'wheel -'),
  ),
  ...['alpm', 'dbus', 'git', 'tss', 'uuidd'].map((name) =>
    text(`usr/lib/sysusers.d/${name}.conf`, lines('u', `${name} -`)),
  ),
];

/** A hook of pacman's that shows when it ran. */
const HOOK = `[Trigger]
Type = Path
Operation = Install
Operation = Upgrade
Target = usr/share/ca-certificates/trust-source/*

[Action]
Description = Rebuilding certificate stores...
When = PostTransaction
Exec = /usr/bin/touch /etc/hook-ran
`;

const TRUST = 'usr/share/ca-certificates/trust-source';
const MODULE = `module: p11-kit-trust.so
priority: 1
trust-policy: yes
x-init-reserved: paths='/etc/ca-certificates/trust-source:/${TRUST}'
`;
const UPDATE = `#!/bin/sh -e
to=/etc/ca-certificates/extracted
extract() { trust extract --overwrite --comment --format="$1" --filter="$2" --purpose="$3" "$to/$4"; }
extract pem-bundle ca-anchors server-auth tls-ca-bundle.pem
extract pem-bundle ca-anchors email email-ca-bundle.pem
extract openssl-directory ca-anchors server-auth cadir
`;

/** Mozilla's certificates in p11-kit's format, as `ca-certificates-mozilla` has them. */
function mozilla({ files }: DebianFiles): string {
  return files
    .filter(({ path }) => /^usr\/share\/ca-certificates\/mozilla\/.*\.crt$/.test(path))
    .map(
      ({ path, content }) =>
        `[p11-kit-object-v1]\nlabel: "${path.replace(/.*\/(.*)\.crt/, '$1')}"\ntrusted: true\n` +
        `nss-mozilla-ca-policy: true\nmodifiable: false\n${String(content)}\n`,
    )
    .join('');
}

/** A script of Debian's makes it. */
const LOADER_32 = 'usr/lib/ld-linux.so.2';

const SHOWN = /^usr\/share\/(?:info|man|locale\/(?:de|en[^/]*|locale\.alias))(?:\/|$)/;

function isWanted({ path, from }: DebianFile): boolean {
  return !DONE.some((pattern) => pattern.test(path)) && path !== LOADER_32 && from !== 'ca-certificates';
}

function multilib(): Cut[] {
  const repository = 'multilib';
  return [
    {
      ...{ name: 'lib32-glibc', depends: ['glibc'], repository },
      of: /^libc6-(?:dev-)?(?:i386|x32)$/,
      entries: [link(LOADER_32, '../lib32/ld-linux.so.2')],
    },
    {
      ...{ name: 'lib32-gcc-libs', depends: ['lib32-glibc'], repository },
      of: /^(?:lib(?:x?32).*|(?:gcc|g\+\+).*-multilib.*)$/,
    },
    { name: 'multilib-devel', depends: ['gcc', 'lib32-gcc-libs', 'make', 'sudo'], repository },
  ];
}

export async function archContainerPackages(): Promise<TestPackage[]> {
  const debian = await containerFiles(DEBIAN);
  const files = debian.files.filter(isWanted);
  const os =
    'NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling\nANSI_COLOR="38;2;23;147;209"\n';
  const cuts: Cut[] = [
    ...multilib(),
    { name: 'archlinux-keyring', of: /^archlinux-keyring$/ },
    { name: 'base', depends: ['bash', 'pacman', 'systemd', 'userland', 'documentation'] },
    { name: 'base-devel', depends: ['archlinux-keyring', 'gcc', 'make', 'sudo'] },
    { name: 'bash', of: /^(?:bash|dash)$/, depends: ['glibc'], provides: ['/bin/sh'] },
    { name: 'binutils', of: /^(?:binutils|lib(?:binutils|ctf|gprofng|sframe)).*/ },
    {
      ...{ name: 'ca-certificates-mozilla', depends: ['ca-certificates-utils'] },
      entries: [text(`${TRUST}/mozilla.trust.p11-kit`, mozilla(debian))],
    },
    {
      name: 'ca-certificates-utils',
      entries: [
        text('usr/bin/update-ca-trust', UPDATE, 0o755),
        text('usr/share/libalpm/hooks/update-ca-trust.hook', HOOK),
        text('etc/ca-certificates/trust-source/README', ''),
        text('etc/ca-certificates/extracted/README', ''),
        link('etc/ssl/certs/ca-certificates.crt', '../../ca-certificates/extracted/tls-ca-bundle.pem'),
      ],
    },
    { name: 'documentation', repository: 'extra', entries: files.filter(({ path }) => SHOWN.test(path)) },
    { name: 'gcc', of: /^(?:cpp|gcc|g\+\+|lib(?:gcc|stdc\+\+)-\d+-dev)/, depends: ['binutils'] },
    {
      ...{ name: 'glibc', depends: ['filesystem'], script: 'touch /etc/scriptlet-ran\n' },
      of: /^(?:libc-(?:bin|dev-bin)|libc6(?:-dev)?|libcrypt.*|linux-libc-dev|locales)$/,
    },
    { name: 'libarchive', of: /^libarchive.*/ },
    { name: 'make', of: /^make$/ },
    {
      ...{ name: 'pacman', of: /^(?:pacman-.*|makepkg|libalpm.*)$/ },
      depends: ['archlinux-keyring', 'ca-certificates-mozilla', 'libarchive', 'userland'],
      entries: [text('etc/pacman.d/mirrorlist', 'Server = http://not.example/$repo\n')],
    },
    { name: 'sudo', of: /^sudo$/ },
    { name: 'systemd', of: /^(?:systemd|udev|libsystemd|libudev|libnss-)/ },
  ];
  return cut({ ...debian, files }, cuts, [
    ...ACCOUNTS,
    text('usr/lib/os-release', os),
    link('etc/os-release', '../usr/lib/os-release'),
    text('etc/resolv.conf', '# Resolver configuration file.\n'),
    text('usr/share/p11-kit/modules/p11-kit-trust.module', MODULE),
  ]);
}
