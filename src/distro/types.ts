import { z } from 'zod';
import type { StepContext, Tree } from '../steps/types.ts';

/** A package file as the distribution's index describes it. */
export const packageFile = z.strictObject({
  name: z.string(),
  version: z.string(),
  arch: z.string(),
  /** File name without directory. */
  file: z.string().regex(/^[A-Za-z0-9][^/]*$/),
  url: z.string(),
  /** Bytes. */
  size: z.number().int().nonnegative(),
  /** Of the whole file. Absent where the index has another checksum: then `Distro.verify` says which file is the right one. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  checksum: z.string().optional(),
  /** When it was made, seconds since the Unix epoch, where the index says so. */
  date: z.number().int().nonnegative().optional(),
  /** OpenPGP signature in base64, where it is not in the file itself. */
  signature: z.string().optional(),
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
  /** Key ring, a file or a directory of files, in the sandbox; empty: the distribution's own. */
  keyring: z.string(),
};
export type Source = z.infer<z.ZodObject<typeof source>>;

/** How packages are unpacked. */
export const unpacking = {
  /** Whether the packages' own scripts and hooks run. */
  scripts: z.boolean().default(true),
  /** Patterns of paths that are not unpacked, in the package manager's words. */
  noExtract: z.array(z.string()).default([]),
};
export type Unpacking = z.infer<z.ZodObject<typeof unpacking>>;

export type ResolveRequest = Source & {
  base: string[];
  extra: string[];
  /** Only what the packages need, not what every system has besides. */
  bare?: boolean;
};

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

/** What a shim looks for beside itself. */
export const loaderNames = z.strictObject({ grub: z.string(), mm: z.string() });
export type LoaderNames = z.infer<typeof loaderNames>;

/** Where a distribution keeps its kernel. */
export interface KernelFiles {
  /** Pattern that matches one file. */
  vmlinuz: string;
  /** What the running system does not need of it: left out of the root image. */
  exclude: string[];
}

/** Where it keeps all that boots a machine: patterns that match one file each. */
export interface BootFiles extends KernelFiles {
  /** First boot loader, signed by Microsoft. */
  shim: string;
  /** Second boot loader, signed by the distribution: for disks and for the network. */
  grub: string;
  grubnet: string;
  /** shim's key manager. */
  mm: string;
  /** Where the signed GRUBs look for grub.cfg: on the ESP, on the TFTP server. */
  grubDir: string;
  grubnetDir: string;
  /** What this shim calls GRUB and its key manager beside itself, where these are not the usual names. */
  names?: LoaderNames;
}

/** What is known of a distribution without asking it: plain data, which plans are made of. */
export interface DistroData {
  /** What people call it. */
  title: string;
  /** By architecture; those that are not there cannot be booted. Without boot loaders: it has none that are signed. */
  boot: Record<string, BootFiles | KernelFiles>;
  /** None of its packages has a static busybox. */
  noBusybox?: true;
  /** Why no machine boots it, where that is not for lack of boot files. */
  notBootable?: string;
}

export type BootstrapParams = Source & Unpacking & { include: string[] };
export type InstallParams = Source & Unpacking & { packages: string[] };

/** A distribution: its package manager behind one interface, and where it puts things. */
export interface Distro extends DistroData {
  /** Finds the exact package files for a minimum viable system, and those that further packages add. */
  resolve(context: StepContext<ResolveRequest>): Promise<Resolution>;
  /** The same for a system that is there: only what `extra` adds to it. Absent: its package manager is not asked for that. */
  resolveOn?(context: StepContext<ResolveRequest>, system: Tree): Promise<Resolution>;
  /** Makes the minimum viable system out of the package files in /in/packages, and leaves it clean. */
  bootstrap(context: StepContext<BootstrapParams>, list: PackageList): Promise<Tree>;
  /** Installs further packages from /in/packages into the tree mounted writable at /tree, and leaves it clean. */
  install(context: StepContext<InstallParams>, list: PackageList, base: Tree): Promise<void>;
  /** What the package database of a tree says, sorted by name. */
  inventory(context: StepContext<unknown>, tree: Tree): Promise<InstalledPackage[]>;
  /** Throws an Error that says why a file, a host path, is not the one with this checksum; absent: the index has a SHA-256 of each. */
  verify?(file: string, checksum: string): Promise<void>;
  /** When a package file was made, seconds since the Unix epoch; absent: the index says it. */
  packageDate?(file: string): Promise<number>;
}
