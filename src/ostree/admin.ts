/** `ostree admin` (2025.2): argument lists that make a sysroot and deploy into it. */

/** Only root of the machine may set the immutable flag: deployments get it in the finished file system. */
export const ADMIN_ENV = { OSTREE_SYSROOT_DEBUG: 'mutable-deployments' };

export interface Deployment {
  sysroot: string;
  /** Name of the operating system: its deployments share one /var. */
  os: string;
  /** The branch is one of this remote; absent: a local one. */
  remote?: string | undefined;
  ref: string;
  /** Kernel command line, in words. */
  kargs: readonly string[];
}

/** What makes a sysroot of an empty directory, one program after the other. */
export function initSysrootArgvs(sysroot: string, os: string): string[][] {
  const config = (key: string, value: string) => [
    ...['ostree', `--repo=${sysroot}/ostree/repo`, 'config', 'set', key, value],
  ];
  return [
    ['ostree', 'admin', 'init-fs', '--modern', sysroot],
    ['ostree', 'admin', `--sysroot=${sysroot}`, 'stateroot-init', os],
    // GRUB reads the boot loader entries themselves: see src/disk/grub-ostree.ts.
    config('sysroot.bootloader', 'none'),
    // Entries name files below /boot of the file system, not of a partition of its own.
    config('sysroot.bootprefix', 'true'),
    config('sysroot.readonly', 'true'),
    config('core.add-remotes-config-dir', 'false'),
  ];
}

export function deployArgv({ sysroot, os, remote, ref, kargs }: Deployment): string[] {
  return [
    ...['ostree', 'admin', 'deploy', `--sysroot=${sysroot}`, `--os=${os}`, '--no-merge'],
    ...kargs.map((word) => `--karg-append=${word}`),
    remote === undefined ? ref : `${remote}:${ref}`,
  ];
}
