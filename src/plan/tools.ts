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

function treeSteps(config: Config, packages: string[]): Step[] {
  const arch = hostArch();
  const source = packageSource(config, 'tools', arch);
  const keyring = keyringInput(config, 'tools');
  return bootstrapSteps({ stage: 'init', source, base: packages, extra: [], keyring, tools: {} });
}

/** Steps that make the tools tree, and how others name it; none when the host's own tools are used. */
export function toolsSteps(config: Config, targetArch: string): { steps: Step[]; tools: { tools?: string } } {
  if (config.get('tools', 'mode') === 'host') return { steps: [], tools: {} };
  const emulation = isForeign(targetArch) ? config.list('tools', 'emulation_packages') : [];
  const steps = treeSteps(config, [...config.list('tools', 'packages'), ...emulation]);
  return { steps, tools: { tools: 'init/tree' } };
}

/** The tree with the virtual machine's programs, made when the first machine is started. */
export function vmToolsPlan(config: Config): Plan {
  return { name: 'vm-tools', steps: treeSteps(config, config.list('vm', 'packages')), artifacts: [] };
}
