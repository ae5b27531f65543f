/** Archive mirrors: packages with `mirror: true`, and the lock file that says which version of everything is in them. */
import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { keyringInput, packageSource } from '../plan/rootfs.ts';
import { toolsSteps } from '../plan/tools.ts';
import type { Step } from '../plan/types.ts';
import type { PackageList } from '../distro/types.ts';
import type { LockEntry, LockFile } from '../template/lock.ts';
import { MIRROR_LOCK, packagesOn, type DebianPackage } from './debian.ts';

/** What a line says: packages of the smallest system, and those of the list with what they need on top of it. */
const KINDS = ['base', 'extra'] as const;
type Kind = (typeof KINDS)[number];

interface Locked {
  kind: Kind;
  name: string;
  version: string;
  sha256: string;
}

/** The lines of a list: `base NAME ARCH VERSION@sha256:HEX`. */
export function mirrorEntries(kind: Kind, { packages }: PackageList, arch: string): LockEntry[] {
  return packages.map(({ name, version, sha256 }) => ({
    key: `${kind} ${name} ${arch}`,
    value: `${version}@sha256:${sha256}`,
  }));
}

/** What the lock file records for an architecture. Throws E_DRIFT if that is nothing. */
function lockedOn({ dir }: DebianPackage, lock: LockFile | undefined, arch: string): Locked[] {
  const found = [...(lock?.entries ?? [])].flatMap(([key, { value }]): Locked[] => {
    const [kind, name, own] = key.split(' ') as [Kind, string, string];
    const [version = '', digest = ''] = value.split('@sha256:');
    return own === arch ? [{ kind, name, version, sha256: digest }] : [];
  });
  if (found.length > 0) return found;
  throw new OsmithError('E_DRIFT', `${join(dir, MIRROR_LOCK)} says nothing about ${arch}`, {
    where: { file: lock?.file ?? join(dir, 'debian.yml') },
    hint: `A mirror holds what its lock file records. Write it: osmith lock ${dir} --arch ${arch} --update`,
  });
}

interface ResolveRequest {
  prefix: string;
  base: string[];
  extra: string[];
  tools: { tools?: string };
}

function resolveStep(config: Config, arch: string, { prefix, base, extra, tools }: ResolveRequest): Step {
  return {
    ...{ id: `${prefix}/resolve`, kind: 'resolve', stage: 'pkg', ...tools, network: true },
    params: { ...packageSource(config, 'bootstrap', arch), base, extra },
    inputs: keyringInput(config, 'bootstrap'),
  };
}

/** Finds what a mirror would hold now: outputs `base` and `extra` of `PREFIX/resolve`. */
export function mirrorListSteps(pkg: DebianPackage, config: Config, arch: string, prefix: string): Step[] {
  const { steps, tools } = toolsSteps(config, arch);
  return [...steps, resolveStep(config, arch, { prefix, base: [], extra: packagesOn(pkg, arch), tools })];
}

export interface MirrorRequest {
  pkg: DebianPackage;
  lock: LockFile | undefined;
  arch: string;
  prefix: string;
  tools: { tools?: string };
}

/** `PREFIX/image`: the smallest system with the archive. */
export function mirrorSteps({ pkg, lock, arch, prefix, tools }: MirrorRequest, config: Config): Step[] {
  const locked = lockedOn(pkg, lock, arch);
  const pins = (wanted: Kind) =>
    locked.filter(({ kind }) => kind === wanted).map(({ name, version }) => `${name}=${version}`);
  const source = packageSource(config, 'bootstrap', arch);
  const resolved = (output: string) => ({ step: `${prefix}/resolve`, output });
  const fetched = (kind: Kind) => ({ step: `${prefix}/fetch-${kind}`, output: 'packages' });
  return [
    resolveStep(config, arch, { prefix, base: pins('base'), extra: pins('extra'), tools }),
    ...KINDS.map((kind): Step => ({
      ...{ id: `${prefix}/fetch-${kind}`, kind: 'fetch', stage: 'pkg' },
      params: { distro: source['distro']! },
      inputs: { list: resolved(kind) },
    })),
    {
      ...{ id: `${prefix}/tree`, kind: 'bootstrap', stage: 'pkg', ...tools },
      params: { ...source, include: [] },
      inputs: { list: resolved('base'), sources: resolved('sources'), packages: fetched('base') },
    },
    {
      ...{ id: `${prefix}/image`, kind: 'pkg-mirror', stage: 'pkg', ...tools },
      params: {
        ...{ name: pkg.repository, arch, suite: source['suite']! },
        locked: Object.fromEntries(locked.map(({ name, sha256 }) => [name, sha256])),
      },
      inputs: {
        ...{ base: resolved('base'), extra: resolved('extra') },
        'packages-base': fetched('base'),
        'packages-extra': fetched('extra'),
        tree: { step: `${prefix}/tree`, output: 'tree' },
      },
    },
  ];
}
