/**
 * The tools tree: a pinned root filesystem with the programs that steps run. What only some steps run are layers on it, each
 * made when the first of these steps is.
 */
import { arch as nodeArch } from 'node:os';
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { isForeign } from '../run/emulation.ts';
import { bootstrapSteps, keyringInput, layerSteps, packageSource } from './rootfs.ts';
import type { Step } from './types.ts';

const ARCH: Partial<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** The architecture of this machine in the distributions' words. */
export function hostArch(): string {
  const arch = ARCH[nodeArch()];
  if (arch !== undefined) return arch;
  throw new OsmithError('E_HOST', `Osmith does not run on ${nodeArch()} machines`, {
    hint: 'Use amd64 or arm64',
  });
}

/** How steps name the tree with their programs; nothing: those of the host. */
export interface Tools {
  tools?: string;
}

export interface ToolsSteps {
  steps: Step[];
  tools: Tools;
}

const STAGE = 'init';
const USUAL = 'init/tree';

function usesHost(config: Config): boolean {
  return config.get('tools', 'mode') === 'host';
}

/** Where the packages of all trees come from. */
function origin(config: Config): Pick<Parameters<typeof layerSteps>[0], 'stage' | 'source' | 'keyring'> {
  const source = packageSource(config, 'tools', hostArch());
  return { stage: STAGE, source, keyring: keyringInput(config, 'tools') };
}

/** The tree that all others are layers on. */
function usualTools(config: Config): ToolsSteps {
  if (usesHost(config)) return { steps: [], tools: {} };
  const base = config.list('tools', 'packages');
  const steps = bootstrapSteps({ ...origin(config), prefix: 'init', base, extra: [], tools: {} });
  return { steps, tools: { tools: USUAL } };
}

/** Packages on the usual tree: the steps after those that make that one. */
function layerTools(config: Config, prefix: string, packages: string[]): ToolsSteps {
  if (usesHost(config)) return { steps: [], tools: {} };
  const tools = { tools: USUAL };
  if (packages.length === 0) return { steps: [], tools };
  const steps = layerSteps({ ...origin(config), prefix, base: USUAL, packages, tools });
  return { steps, tools: { tools: `${prefix}/tree` } };
}

/** The same with the steps that make the usual tree. */
export function onUsual(config: Config, { steps, tools }: ToolsSteps): ToolsSteps {
  return { steps: [...usualTools(config).steps, ...steps], tools };
}

function emulationPackages(config: Config, isEmulated: boolean): string[] {
  return isEmulated ? config.list('tools', 'emulation_packages') : [];
}

/** Steps that make the tree of a build for an architecture, and how others name it; none when the host's own tools are used. */
export function toolsSteps(config: Config, targetArch: string): ToolsSteps {
  const foreign = isForeign(targetArch);
  const packages = [...config.list('tools', 'build_packages'), ...emulationPackages(config, foreign)];
  return onUsual(config, layerTools(config, foreign ? 'build-emulator' : 'build', packages));
}

/** Flatpak's programs: only who has apps in the image needs them. After the steps of `toolsSteps`, as all that follow. */
export function flatpakTools(config: Config): ToolsSteps {
  return layerTools(config, 'flatpak', config.list('tools', 'flatpak_packages'));
}

/** The programs that sign: whether a build is signed must not make anything else anew. */
export function signingTools(config: Config): ToolsSteps {
  return layerTools(config, 'sign', config.list('sign', 'packages'));
}

/** The package manager of a base system that is not the tools' own: only what calls it needs that. */
export function packageManagerTools(config: Config, usual: Tools, targetArch: string): ToolsSteps {
  const packages = config.list('tools', 'bootstrap_packages');
  if (usesHost(config) || packages.length === 0) return { steps: [], tools: usual };
  // Scripts of packages run there.
  const emulation = emulationPackages(config, isForeign(targetArch));
  return layerTools(config, 'package-manager', [...packages, ...emulation]);
}

/** What makes ISO images: only who makes them needs it. */
export function isoTools(config: Config): ToolsSteps {
  return layerTools(config, 'iso', config.list('tools', 'iso_packages'));
}

/** The virtual machine's programs, installed when the first machine is started. With the usual tree's steps, as all that follow. */
export function vmTools(config: Config): ToolsSteps {
  return onUsual(config, layerTools(config, 'vm', config.list('vm', 'packages')));
}

/**
 * The programs that build packages, installed when the first package is built. With an emulator they are another layer: that
 * something is built for a foreign machine is no reason to build the rest anew.
 */
export function pkgTools(config: Config, emulate: boolean): ToolsSteps {
  const packages = [...config.list('pkg', 'packages'), ...emulationPackages(config, emulate)];
  return onUsual(config, layerTools(config, emulate ? 'buildah-emulator' : 'buildah', packages));
}
