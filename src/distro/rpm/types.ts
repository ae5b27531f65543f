import type { DistroData, Source } from '../types.ts';

/** What RPM's distributions differ in. */
export interface RpmData {
  data: DistroData;
  /** Addresses of the repositories, by the configured component. */
  repositories(source: Source, arch: string): Record<string, string>;
  /** Where the finished system has its package database. */
  database: string;
  /** The kind of it that its rpm reads. */
  backend: 'sqlite' | 'ndb';
  /** Files of the keys that sign packages, in the tools tree. */
  keys(suite: string): string[];
  /** Whether the index is signed too. */
  signedIndex: boolean;
  /** Which modules there are (dnf's `module_platform_id`). */
  platform?(suite: string): string;
}

const ARCH: Record<string, string> = { amd64: 'x86_64', arm64: 'aarch64' };

export function rpmArch(arch: string): string {
  return ARCH[arch] ?? arch;
}

/** The configured mirror, or the distribution's own, without a slash at its end. */
export function mirrorOf({ mirror }: Source, own: string): string {
  return (mirror || own).replace(/\/+$/, '');
}
