/** Which package files make the system: by our own solver, out of the signed indexes, as Debian has no apk. */
import { OsmithError } from '../../errors.ts';
import type { StepContext } from '../../steps/types.ts';
import type { PackageList, Resolution, ResolveRequest, Source } from '../types.ts';
import { parseDependency, type Dependency } from './dependency.ts';
import { readKeys, type Keys } from './keys.ts';
import { installOrder } from './order.ts';
import { addresses, apkArch, readRepository, repositoriesFile, type Address } from './repositories.ts';
import { solve } from './solver.ts';
import type { ApkData } from './types.ts';
import { buildUniverse, type Candidate } from './universe.ts';

/** The keys that the configuration names, or the distribution's own. */
export async function keysOf(context: StepContext<Source>, { keys }: ApkData): Promise<Keys> {
  return context.params.keyring === '' ? keys : readKeys(context.path('keyring'));
}

/** What the user asked for. Throws E_CONFIG for what is no package name. */
export function parseWorld(words: readonly string[]): Dependency[] {
  return words.map((word) => {
    const dependency = parseDependency(word);
    if (dependency !== undefined) return dependency;
    throw new OsmithError('E_CONFIG', `${word} is not how apk names a package`, {
      hint: 'Write NAME, NAME=1.2-r3, NAME>1.2, NAME~1.2, NAME@TAG or !NAME',
    });
  });
}

function packageList(candidates: readonly Candidate[], list: readonly Address[], arch: string): PackageList {
  const packages = candidates.map(({ pkg, repositories }) => {
    const { name, version, checksum, size, date } = pkg;
    const file = `${name}-${version}.apk`;
    const url = `${list[repositories[0]!]!.url}/${apkArch(arch)}/${encodeURIComponent(file)}`;
    return { name, version, arch: pkg.arch, file, url, size, checksum, date };
  });
  return { packages, index: candidates.map(({ pkg }) => `${pkg.text}\n\n`).join('') };
}

export async function resolve(context: StepContext<ResolveRequest>, apk: ApkData): Promise<Resolution> {
  const { params, signal } = context;
  const { suite, arch } = params;
  const [base, extra] = [parseWorld(params.base), parseWorld(params.extra)];
  const keys = await keysOf(context, apk);
  const list = addresses(params, apk.mirror);
  context.progress('package index');
  const repositories = await Promise.all(
    list.map(async (address) => ({
      tag: address.tag,
      packages: await readRepository(address, params, keys, signal),
    })),
  );
  context.progress('dependencies');
  const universe = buildUniverse(repositories);
  const missing = (name: string) =>
    new OsmithError('E_PACKAGE_MISSING', `${apk.data.title} ${suite} has no package ${name} for ${arch}`, {
      hint: `Check its spelling in the package lists of the configuration; components in use: ${params.components.join(' ')}`,
    });
  const first = solve(universe, base, new Set(), missing);
  const all = extra.length === 0 ? first : solve(universe, [...base, ...extra], first, missing);
  return {
    base: packageList(installOrder(first, base, new Set()), list, arch),
    extra: packageList(installOrder(all, [...base, ...extra], first), list, arch),
    sources: repositoriesFile(list),
  };
}
