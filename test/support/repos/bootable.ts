/** Packages of a whole system that boots, in each family's names and places: made of a Debian system. */
import type { TestEntry } from '../../../src/steps/testing.ts';
import { addition, cut, kernelEntries, kernelOf, moved, type Cut } from './cut.ts';
import { applianceFiles, managerFiles, type DebianFiles } from './debian-files.ts';
import type { TestPackage } from './packages.ts';

const text = (path: string, content: string, mode = 0o644): TestEntry => ({ path, mode, content });

/** Those that are called the same everywhere. */
const COMMON: Cut[] = [
  { name: 'glibc', of: /^libc(?:6|-bin|rypt1)$/, depends: ['filesystem'] },
  { name: 'bash', of: /^(?:bash|dash)$/, depends: ['glibc'], provides: ['/bin/sh'] },
  { name: 'busybox', of: /^busybox/ },
  { name: 'containerd', of: /^containerd$/, depends: ['userland', 'runc'] },
  { name: 'dosfstools', of: /^dosfstools$/ },
  { name: 'kmod', of: /^(?:kmod|libkmod2)$/ },
  { name: 'runc', of: /^runc$/ },
  { name: 'tzdata', of: /^tzdata/ },
];

const DEPMOD_HOOK = `[Trigger]
Type = Path
Operation = Install
Operation = Upgrade
Target = usr/lib/modules/*/

[Action]
Description = Updating module dependencies...
When = PostTransaction
Exec = /usr/share/libalpm/scripts/depmod
`;
const DEPMOD = `#!/bin/bash -e
for dir in /usr/lib/modules/*/; do depmod "$(basename "$dir")"; done
`;

/** Of Arch Linux. It has no boot loaders that are signed. */
export async function archPackages(): Promise<TestPackage[]> {
  const [debian, manager] = await Promise.all([applianceFiles(), managerFiles('arch')]);
  const { vmlinuz, modules } = kernelEntries(debian);
  const name = 'NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling\n';
  return cut(
    debian,
    [
      ...COMMON.filter((each) => each.name !== 'kmod'),
      { name: 'base', depends: ['bash', 'pacman', 'systemd', 'tzdata', 'userland'] },
      { name: 'docker', of: /^(?:docker.*|tini)$/, depends: ['containerd', 'userland'] },
      {
        name: 'kmod',
        of: /^(?:kmod|libkmod2)$/,
        entries: [
          text('usr/share/libalpm/hooks/60-depmod.hook', DEPMOD_HOOK),
          text('usr/share/libalpm/scripts/depmod', DEPMOD, 0o755),
        ],
      },
      { name: 'linux', depends: ['kmod'], entries: [...modules, vmlinuz] },
      { name: 'pacman', entries: addition(debian, manager, 'pacman-package-manager') },
      { name: 'systemd', of: /^(?:systemd|udev|libsystemd|libudev|libnss-)/, depends: ['kmod', 'userland'] },
    ],
    [text('usr/lib/os-release', name), text('etc/issue', 'Arch Linux \\r (\\l)\n\n')],
  );
}

const MACROS = '%_dbpath /usr/lib/sysimage/rpm\n%_db_backend sqlite\n';

/** shim and GRUB where Fedora's packages have them; the programs are Debian's, whose keys have signed the kernel. */
function loaders(debian: DebianFiles): Cut[] {
  const dir = 'boot/efi/EFI/fedora';
  const shim = (file: string) => moved(debian, `usr/lib/shim/${file}.signed`, `${dir}/${file}`);
  const grub = 'usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed';
  return [
    { name: 'shim-x64', entries: [shim('shimx64.efi'), shim('mmx64.efi')] },
    { name: 'grub2-efi-x64', entries: [moved(debian, grub, `${dir}/grubx64.efi`)] },
  ];
}

/** Of Fedora. */
export async function fedoraPackages(): Promise<TestPackage[]> {
  const [debian, manager] = await Promise.all([applianceFiles(), managerFiles('fed')]);
  const name = 'NAME="Fedora Linux"\nVERSION="42"\nID=fedora\nVERSION_ID=42\nPRETTY_NAME="Fedora Linux 42"\n';
  const { vmlinuz, modules } = kernelEntries(debian);
  return cut(
    debian,
    [
      ...COMMON,
      ...loaders(debian),
      { name: 'ca-certificates', of: /^(?:ca-certificates|openssl)$/ },
      { name: 'coreutils', of: /^coreutils$/ },
      { name: 'dbus', of: /^(?:lib)?dbus/ },
      { name: 'dnf5', depends: ['rpm'] },
      { name: 'docker-cli', of: /^docker-cli$/ },
      { name: 'fedora-release', entries: [text('usr/lib/rpm/macros.d/macros.fedora', MACROS)] },
      { name: 'glibc-minimal-langpack' },
      { name: 'iproute', of: /^iproute2$/ },
      { name: 'kernel-core', depends: ['bash', 'kmod', 'kernel-modules-core'], entries: [vmlinuz] },
      {
        name: 'kernel-modules-core',
        depends: ['bash', 'coreutils', 'kmod'],
        entries: modules,
        script: `depmod ${kernelOf(debian)}\n`,
      },
      { name: 'libstdc++', of: /^libstdc\+\+6$/ },
      { name: 'moby-engine', of: /^(?:docker.io|tini)$/, depends: ['containerd', 'userland'] },
      { name: 'rpm', entries: addition(debian, manager, 'rpm') },
      {
        name: 'systemd',
        of: /^(?:systemd|systemd-sysv|libsystemd.*|libnss-.*)$/,
        depends: ['kmod', 'userland'],
      },
      { name: 'systemd-networkd', depends: ['systemd'] },
      { name: 'systemd-resolved', of: /^systemd-resolved$/, depends: ['systemd'] },
      { name: 'systemd-udev', of: /^(?:udev|libudev1)$/, depends: ['systemd'] },
      { name: 'util-linux', of: /^(?:util-linux.*|mount|login)$/ },
    ],
    [text('usr/lib/os-release', name), text('etc/issue', 'Fedora Linux 42 \\r (\\l)\n\n')],
  );
}
