/** Steps that make images of package directories made of Debian's packages. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { goJson } from '../compose/json.ts';
import type { Config } from '../config/index.ts';
import { programInput, programSteps } from '../plan/programs.ts';
import { keyringInput, packageSource } from '../plan/rootfs.ts';
import { sourceInput } from '../plan/source.ts';
import type { Input, Step } from '../plan/types.ts';
import { packagesOn } from './debian.ts';
import type { DebianNode } from './graph.ts';
import { mirrorSteps } from './mirror.ts';

interface PackageImage {
  name: string;
  packages: string[];
  only: string[];
  without: string[];
  exclude: string[];
  kernel: boolean;
  programs: string[];
  config: string;
}

/** `PREFIX/image`: package files as an image. They come from where a section of the configuration says. */
export function packageImageSteps(
  prefix: string,
  { packages, only, without, ...image }: PackageImage,
  config: Config,
  arch: string,
  tools: { tools?: string },
  more: Record<string, Input> = {},
  section: 'bootstrap' | 'tools' = 'bootstrap',
): Step[] {
  const source = packageSource(config, section, arch);
  const stage = prefix.split('/')[0]!;
  const list = { step: `${prefix}/resolve`, output: 'list' };
  return [
    {
      ...{ id: `${prefix}/resolve`, kind: 'pkg-resolve', stage, ...tools, network: true },
      params: { ...source, packages, only, without },
      inputs: keyringInput(config, section),
    },
    {
      ...{ id: `${prefix}/fetch`, kind: 'fetch', stage },
      params: { distro: source['distro']! },
      inputs: { list },
    },
    {
      ...{ id: `${prefix}/image`, kind: 'pkg-image', stage, ...tools },
      params: { arch, ...image },
      inputs: {
        list,
        packages: { step: `${prefix}/fetch`, output: 'packages' },
        ...more,
      },
    },
  ];
}

/** What the ids of a package's steps begin with; the last is `PREFIX/image`. */
export function debianPrefix({ pkg, arch }: DebianNode): string {
  return `pkg/${pkg.debian.repository}-${arch}`;
}

export function debianSteps(node: DebianNode, config: Config, tools: { tools?: string }): Step[] {
  const { arch, pkg } = node;
  const prefix = debianPrefix(node);
  if (pkg.debian.mirror) return mirrorSteps({ pkg: pkg.debian, lock: pkg.lock, arch, prefix, tools }, config);
  const { dir, repository: name, only, without, exclude, kernel, programs } = pkg.debian;
  const root = join(dir, 'root');
  const label = Object.keys(pkg.debian.config).length === 0 ? '' : goJson(pkg.debian.config);
  const packages = packagesOn(pkg.debian, arch);
  const image = { name, packages, only, without, exclude, kernel, programs, config: label };
  const inputs: Record<string, Input> = Object.fromEntries(
    programs.map((program) => [program, programInput(program, prefix)]),
  );
  if (existsSync(root)) inputs['root'] = sourceInput('/', root);
  const own = programSteps(arch, prefix, programs);
  return [...own, ...packageImageSteps(prefix, image, config, arch, tools, inputs)];
}
