/** The tools tree: a pinned root filesystem with the programs that steps run. */
import { arch as nodeArch } from 'node:os';
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { isForeign } from '../run/emulation.ts';
import { bootstrapSteps, keyringInput, packageSource } from './rootfs.ts';
import type { Plan, Step } from './types.ts';

const ARCH: Partial<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** The architecture of this machine in the distributions' words. */
export function hostArch(): string {
  const arch = ARCH[nodeArch()];
  if (arch !== undefined) return arch;
  throw new OsmithError('E_HOST', `Osmith does not run on ${nodeArch()} machines`, {
    hint: 'Use amd64 or arm64',
  });
}

function treeSteps(config: Config, packages: string[], prefix = 'init'): Step[] {
  const arch = hostArch();
  const source = packageSource(config, 'tools', arch);
  const keyring = keyringInput(config, 'tools');
  return bootstrapSteps({ stage: 'init', prefix, source, base: packages, extra: [], keyring, tools: {} });
}

/** How steps name the tree with their programs; nothing: those of the host. */
export interface Tools {
  tools?: string;
}

export interface ToolsSteps {
  steps: Step[];
  tools: Tools;
}

/** Steps that make the tools tree, and how others name it; none when the host's own tools are used. */
export function toolsSteps(config: Config, targetArch: string, prefix = 'init'): ToolsSteps {
  if (config.get('tools', 'mode') === 'host') return { steps: [], tools: {} };
  const emulation = isForeign(targetArch) ? config.list('tools', 'emulation_packages') : [];
  const steps = treeSteps(config, [...config.list('tools', 'packages'), ...emulation], prefix);
  return { steps, tools: { tools: `${prefix}/tree` } };
}

/** Flatpak's programs have a tree of their own: only who has apps in the image needs it. */
export function flatpakTools(config: Config): ToolsSteps {
  if (config.get('tools', 'mode') === 'host') return { steps: [], tools: {} };
  const steps = treeSteps(config, config.list('tools', 'flatpak_packages'), 'flatpak');
  return { steps, tools: { tools: 'flatpak/tree' } };
}

/** The programs that sign have a tree of their own: whether a build is signed must not make it anew. */
export function signingTools(config: Config): ToolsSteps {
  if (config.get('tools', 'mode') === 'host') return { steps: [], tools: {} };
  return { steps: treeSteps(config, config.list('sign', 'packages'), 'sign'), tools: { tools: 'sign/tree' } };
}

/** The package manager of a base system that is not the tools' own has a tree of its own: only what calls it needs that. */
export function packageManagerTools(config: Config, usual: Tools, targetArch: string): ToolsSteps {
  const packages = config.list('tools', 'bootstrap_packages');
  if (config.get('tools', 'mode') === 'host' || packages.length === 0) return { steps: [], tools: usual };
  // Scripts of packages run there.
  const emulation = isForeign(targetArch) ? config.list('tools', 'emulation_packages') : [];
  return {
    steps: treeSteps(config, [...packages, ...emulation], 'package-manager'),
    tools: { tools: 'package-manager/tree' },
  };
}

/** What makes ISO images has a tree of its own: only who makes them needs it. */
export function isoTools(config: Config): ToolsSteps {
  if (config.get('tools', 'mode') === 'host') return { steps: [], tools: {} };
  return {
    steps: treeSteps(config, config.list('tools', 'iso_packages'), 'iso'),
    tools: { tools: 'iso/tree' },
  };
}

/** The tree with the virtual machine's programs, made when the first machine is started. */
export function vmToolsPlan(config: Config): Plan {
  return { name: 'vm-tools', steps: treeSteps(config, config.list('vm', 'packages')), artifacts: [] };
}

/** The tree that a build for this architecture uses, for tests of what it made. */
export function containerToolsPlan(config: Config, arch: string): Plan {
  return { name: 'tools', steps: toolsSteps(config, arch).steps, artifacts: [] };
}

/**
 * The programs that build packages, made when the first package is built. With an emulator they are another tree: that
 * something is built for a foreign machine is no reason to build the rest anew.
 */
export function pkgToolsSteps(config: Config, emulate: boolean): ToolsSteps {
  if (config.get('tools', 'mode') === 'host') return { steps: [], tools: {} };
  const emulation = emulate ? config.list('tools', 'emulation_packages') : [];
  const prefix = emulate ? 'buildah-emulator' : 'buildah';
  const steps = treeSteps(config, [...config.list('pkg', 'packages'), ...emulation], prefix);
  return { steps, tools: { tools: `${prefix}/tree` } };
}

/** The tree that builds use, for a command that needs it by itself. */
export function diffToolsPlan(config: Config): Plan {
  return { name: 'tools', steps: treeSteps(config, config.list('tools', 'packages')), artifacts: [] };
}
