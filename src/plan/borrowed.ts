/** What starts a system whose distribution has no such program, out of the packages of the tools' distribution. */
import type { Config } from '../config/index.ts';
import { DISTROS } from '../distro/data.ts';
import type { BootFiles } from '../distro/types.ts';
import { OsmithError } from '../errors.ts';
import { loaderSteps, packagesTree, LOADERS, NET_LOADERS } from './loaders.ts';
import type { Tools } from './tools.ts';
import type { Step, StepInput } from './types.ts';

interface Borrowed {
  steps: Step[];
  inputs: Record<string, StepInput>;
}

/**
 * Boot loaders that Debian's packages sign, for a kernel that nobody has signed: machines start it unless they enforce
 * Secure Boot, and those that do as soon as its signer's key is enrolled with shim.
 */
export function borrowedLoaders(config: Config, arch: string, tools: Tools): Borrowed & { files: BootFiles } {
  const files = DISTROS[config.get('tools', 'distro')]?.boot[arch];
  if (files === undefined || !('shim' in files)) {
    throw new OsmithError(
      'E_CONFIG',
      `The distribution of the tools has no signed boot loaders for ${arch}`,
      {
        where: config.where('tools', 'distro'),
        hint: 'Use debian or ubuntu',
      },
    );
  }
  const steps = loaderSteps(config, arch, tools, files, 'tools');
  return { steps, inputs: { ...LOADERS, ...NET_LOADERS }, files };
}

const STAGE = 'starter';

/** The static busybox that the initrd runs. */
export function borrowedBusybox(config: Config, arch: string, tools: Tools): Borrowed {
  const packages = ['busybox-static'];
  const steps = packagesTree(STAGE, { packages, only: packages }, config, arch, tools, 'tools');
  return { steps, inputs: { busybox: { step: `${STAGE}/tree`, output: 'tree' } } };
}
