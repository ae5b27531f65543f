/** Options that the commands of `osmith pkg` share: which package, and how its tag is computed. */
import type { Command } from 'commander';
import { hostArch } from '../plan/tools.ts';
import { openFamily, type AnyPackage, type Family } from '../pkg/family.ts';
import { buildFileNames, type TagOptions } from '../pkg/package.ts';

export interface PackageOptions {
  buildYml?: string;
  org?: string;
  tag?: string;
  hash?: string;
  hashPath?: string;
  hashCommit?: string;
  dev?: boolean;
  forceDirty?: boolean;
  hv?: string;
  variantDev?: boolean;
  rstats?: boolean;
  platform?: string;
  canonical?: boolean;
}

export function collectWords(value: string, previous: string[]): string[] {
  return [...previous, ...value.split(',').filter(Boolean)];
}

export function addPackageOptions(command: Command): Command {
  return command
    .argument('<directory...>', 'packages: directories with build.yml and a Dockerfile, or with debian.yml')
    .option('--build-yml <name>', 'the file that describes the package')
    .option('--org <name>', 'the organisation, in place of that in build.yml')
    .option('--tag <template>', 'the tag, in place of that in build.yml; {{.Hash}} is the hash')
    .option('--hash <text>', 'the hash, in place of that of git')
    .option('--hash-path <dir>', 'hash this directory, which is above the package')
    .option('--hash-commit <commit>', 'hash the package as it is in this commit')
    .option('--force-dirty', 'mark the tag as one of a changed package')
    .option('--dev', "your own: the organisation is your user's name, the hash dev")
    .option('--hv <name>', 'use build-k.yml for the hypervisor k, where there is one')
    .option('--variant-dev', 'use build-dev.yml, where there is one')
    .option('--rstats', 'use build-rstats.yml, where there is one')
    .option('--platform <name>', 'use build-NAME.yml, where there is one');
}

export function tagOptions(options: PackageOptions): TagOptions {
  const { buildYml, hv, variantDev: dev, rstats, platform, ...rest } = options;
  const { org, tag, hash, hashPath, hashCommit, forceDirty } = rest;
  const names = buildYml === undefined ? buildFileNames({ hv, dev, rstats, platform }) : [buildYml];
  return { buildYml: names, org, tag, hash, hashPath, hashCommit, forceDirty, dev: rest.dev };
}

/** The packages that were named, and what they know of others. */
export async function openPackages(
  dirs: readonly string[],
  options: PackageOptions,
): Promise<{ packages: AnyPackage[]; family: Family; host: string }> {
  const family = openFamily(dirs, tagOptions(options));
  const packages: AnyPackage[] = [];
  for (const dir of new Set(dirs)) packages.push(await family.at(dir));
  return { packages, family, host: hostArch() };
}
