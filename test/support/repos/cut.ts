/** Cuts a Debian system into packages of another family. */
import { DIRECTORY } from '../../../src/run/layer/entry.ts';
import type { DebianFile, DebianFiles } from './debian-files.ts';
import type { PackageEntry, TestPackage } from './packages.ts';

/** Packages that make no sense elsewhere: Debian's own package management, and what makes boot loaders and initramfs. */
const FOREIGN =
  /^(?:adduser|apt|debconf|debian-.*|dpkg|gettext-base|grub.*|init-system-helpers|initramfs-tools.*|klibc.*|libapt.*|libdebconf.*|libfreetype.*|libfuse.*|libklibc|linux-(?:base|image).*|perl.*|libperl.*|shim.*|sqv)$/;

const LEFT_OUT = [
  /^boot\//,
  // What every system is begun with.
  /^(?:dev|proc|run|sys|tmp)(?:\/|$)/,
  // Those of the kernel come by `kernelEntries`, the indexes by depmod.
  /^usr\/lib\/modules\//,
  /^(?:initrd\.img|vmlinuz)/,
  // What machines and programs write there, not packages.
  /^etc\/(?:\.pwd\.lock|hostname|machine-id|resolv\.conf|[^/]*-)$/,
  /^usr\/share\/(?:bug|ca-certificates|doc|doc-base|info|lintian|locale|man|menu|perl5)(?:\/|$)/,
  /^var\/(?:backups|cache|lib\/(?:apt|dpkg|systemd\/deb-.*)|log)\//,
  /^etc\/(?:apt|debian_version|dpkg|init\.d|rc.\.d)(?:\/|$)|^etc\/ld\.so\.cache$/,
  // The certificates once more, each by itself.
  /^etc\/ssl\/certs\/.*\.(?:0|pem)$/,
  // What Debian's packages have enabled, and packages of other families have not.
  /^etc\/systemd\/(?:system|user)\/.*(?:apt|containerd|dirmngr|docker|dpkg|gpg|grub|keyboxd).*/,
];

/** Modules that a virtual machine may need, among them what tells systemd that its power button is pressed. */
const MODULES =
  /\/kernel\/(?:arch|block|crypto|fs|lib|net)\/|\/kernel\/drivers\/(?:acpi|block|char|firmware|md|(?:input|net)\/[^/]+\.ko|virtio)/;

function isKept({ path, from }: DebianFile): boolean {
  return !FOREIGN.test(from) && !LEFT_OUT.some((pattern) => pattern.test(path));
}

/** A package to be: what it is called, and which of Debian's it is made of. */
export interface Cut extends Partial<Omit<TestPackage, 'entries'>> {
  name: string;
  of?: RegExp;
  entries?: PackageEntry[];
}

/** The version of the one kernel. */
export function kernelOf({ files }: DebianFiles): string {
  return files.map(({ path }) => /^boot\/vmlinuz-(.+)$/.exec(path)?.[1]).find((name) => name !== undefined)!;
}

/** Kernel and modules at the place that all other families have them at; depmod's work is left to their scripts. */
export function kernelEntries(debian: DebianFiles): { vmlinuz: PackageEntry; modules: PackageEntry[] } {
  const version = kernelOf(debian);
  const dir = `usr/lib/modules/${version}`;
  const modules = debian.files.filter(
    ({ path, type }) =>
      (path === dir || path.startsWith(`${dir}/`)) &&
      (type === DIRECTORY || MODULES.test(path) || /\/modules\.(?:builtin(?:\.modinfo)?|order)$/.test(path)),
  );
  return { vmlinuz: moved(debian, `boot/vmlinuz-${version}`, `${dir}/vmlinuz`), modules };
}

/** The same file elsewhere. */
export function moved({ files }: DebianFiles, from: string, to: string): PackageEntry {
  return { ...files.find(({ path }) => path === from)!, path: to };
}

/** What a program of the other tree needs that the system does not have. */
export function addition(system: DebianFiles, other: DebianFiles, program: string): PackageEntry[] {
  const wanted = new Set([program]);
  for (const name of wanted) for (const needed of other.depends.get(name) ?? []) wanted.add(needed);
  const known = new Set(system.files.map(({ path }) => path));
  return other.files.filter(
    (file) => wanted.has(file.from) && !known.has(file.path) && file.type !== DIRECTORY && isKept(file),
  );
}

/**
 * All files, each in one package: the first whose pattern its package matches. What is left goes into `userland`, and what
 * no package has, with all directories, into `filesystem`. `replaced` are files that the other family has its own way.
 */
export function cut(debian: DebianFiles, cuts: Cut[], replaced: PackageEntry[]): TestPackage[] {
  const others = new Set(replaced.map(({ path }) => path));
  const files = debian.files.filter((file) => file.path !== '' && isKept(file) && !others.has(file.path));
  const placed = Map.groupBy(files, ({ type, from }) => {
    if (type === DIRECTORY || from === '') return 'filesystem';
    return cuts.find(({ of }) => of?.test(from))?.name ?? 'userland';
  });
  const plain = { version: '1-1', depends: ['userland'], conflicts: [], script: '' };
  const system: Cut[] = [
    { name: 'filesystem', depends: [], entries: replaced },
    { name: 'userland', depends: ['filesystem', 'glibc'] },
  ];
  return [...system, ...cuts].map(({ entries = [], ...cut }) => ({
    ...{ ...plain, ...cut },
    entries: [...(placed.get(cut.name) ?? []), ...entries],
  }));
}
