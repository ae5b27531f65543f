/** pacman.conf(5): for steps, which keep all state in their work directory, and for finished systems. */
import type { Source } from '../types.ts';

const ARCH: Record<string, string> = { amd64: 'x86_64', arm64: 'aarch64' };
const MIRROR = 'https://geo.mirror.pkgbuild.com';
const MIRRORLIST = '/etc/pacman.d/mirrorlist';

export function pacmanArch(arch: string): string {
  return ARCH[arch] ?? arch;
}

/** The mirror's address of a repository in pacman's words. */
export function server({ mirror }: Pick<Source, 'mirror'>): string {
  return `${(mirror || MIRROR).replace(/\/+$/, '')}/$repo/os/$arch`;
}

/** Where a step has its state. The key ring is made by keyring.ts. */
export const GPG_DIR = '/work/gnupg';
export const CONFIG = '/work/pacman.conf';

/** Packages must be signed by a key of the ring; a signature of the index is checked where there is one. */
const SIGNED = 'SigLevel = Required DatabaseOptional TrustedOnly';

export interface Repository {
  name: string;
  server: string;
  /** Whether the index was made here of entries that are known to be good. */
  own?: boolean;
}

/** For the programs of a step: nothing of the machine it runs on, no sandbox within ours. */
export function stepConfig(arch: string, repositories: Repository[], noExtract: string[] = []): string {
  const lines = [
    '[options]',
    `Architecture = ${pacmanArch(arch)}`,
    `GPGDir = ${GPG_DIR}`,
    'HookDir = /work/hooks',
    'LogFile = /dev/null',
    SIGNED,
    'LocalFileSigLevel = Optional',
    'DisableSandbox',
    ...noExtract.map((pattern) => `NoExtract = ${pattern}`),
    ...repositories.flatMap(({ name, server: url, own }) => [
      `[${name}]`,
      `Server = ${url}`,
      ...(own ? ['SigLevel = Required DatabaseNever'] : []),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Of the finished system. */
export function systemConfig(components: string[]): string {
  const lines = [
    '[options]',
    'HoldPkg = pacman glibc',
    'Architecture = auto',
    'CheckSpace',
    'ParallelDownloads = 5',
    'SigLevel = Required DatabaseOptional',
    'LocalFileSigLevel = Optional',
    ...components.flatMap((name) => ['', `[${name}]`, `Include = ${MIRRORLIST}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** The finished system's configuration, which goes on to leave out what was left out here. */
export function withNoExtract(config: string, noExtract: string[]): string {
  const lines = noExtract.map((pattern) => `NoExtract = ${pattern}\n`).join('');
  return config.replace('[options]\n', `[options]\n${lines}`);
}
