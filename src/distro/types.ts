import { z } from 'zod';
import type { StepContext, Tree } from '../steps/types.ts';

/** A package file as the distribution's signed index describes it. */
export const packageFile = z.strictObject({
  name: z.string(),
  version: z.string(),
  arch: z.string(),
  /** File name without directory. */
  file: z.string().regex(/^[A-Za-z0-9][^/]*$/),
  url: z.string(),
  /** Bytes. */
  size: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type PackageFile = z.infer<typeof packageFile>;

/** What `resolve` writes and `fetch`, `bootstrap` and `install` read. */
export const packageList = z.strictObject({
  packages: z.array(packageFile),
  /** The packages' entries in the distribution's own index format, to make a local repository of them. */
  index: z.string(),
});
export type PackageList = z.infer<typeof packageList>;

/** Where a distribution's packages come from, and for which machine. */
export const source = {
  distro: z.string().regex(/^[a-z0-9-]+$/),
  suite: z.string().min(1),
  arch: z.string(),
  components: z.array(z.string()),
  /** URL; empty: the distribution's own default. */
  mirror: z.string(),
  /** Key ring file in the tools tree; empty: the distribution's own. */
  keyring: z.string(),
};
export type Source = z.infer<z.ZodObject<typeof source>>;

export interface Resolution {
  base: PackageList;
  /** What the further packages need on top of the base. */
  extra: PackageList;
  /** The distribution's own configuration of package sources, for the finished system. */
  sources: string;
}

export interface InstalledPackage {
  name: string;
  version: string;
  arch: string;
  /** Bytes on disk, as the package says. */
  size: number;
}

/** Where a distribution keeps what boots a machine. */
export interface BootFiles {
  /** Patterns that match one file each. */
  vmlinuz: string;
  /** First boot loader, signed by Microsoft. */
  shim: string;
  /** Second boot loader, signed by Debian: for disks and for the network. */
  grub: string;
  grubnet: string;
  /** shim's key manager. */
  mm: string;
  /** Where the signed GRUBs look for grub.cfg: on the ESP, on the TFTP server. */
  grubDir: string;
  grubnetDir: string;
  /** Packages that bring all of it, and the static busybox of the initrd. */
  packages: string[];
  /** What the running system does not need of it: left out of the root image. */
  exclude: string[];
}

/** A distribution: its package manager behind one interface, and where it puts things. */
export interface Distro {
  /** Finds the exact package files for a minimum viable system, and those that further packages add. */
  resolve(context: StepContext<Source & { base: string[]; extra: string[] }>): Promise<Resolution>;
  /** Makes the minimum viable system out of the package files in /in/packages. */
  bootstrap(context: StepContext<Source & { include: string[] }>, list: PackageList): Promise<Tree>;
  /** Installs further packages from /in/packages into the tree mounted writable at /tree. */
  install(
    context: StepContext<Source & { packages: string[] }>,
    list: PackageList,
    base: Tree,
  ): Promise<void>;
  /** Reads the package database out of a tree's files. */
  inventory(read: (path: string) => Promise<string>): Promise<InstalledPackage[]>;
  /** When a package file was made, seconds since the Unix epoch. */
  packageDate(file: string): Promise<number>;
  /** Paths that `inventory` reads. */
  databaseFiles: string[];
  boot: Record<string, BootFiles>;
}
