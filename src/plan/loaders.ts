/** Steps that bring the boot loaders which firmware starts under Secure Boot, out of the packages that sign them. */
import type { Config } from '../config/index.ts';
import { packageImageSteps } from '../pkg/debian-plan.ts';
import type { BootFiles } from '../distro/types.ts';
import { signedBootFiles } from './boot-files.ts';
import { isoTools, type Tools, type ToolsSteps } from './tools.ts';
import type { Step, StepInput } from './types.ts';

const STAGE = 'loaders';

/** Of the configuration: where the packages come from. */
type Section = 'bootstrap' | 'tools';

/** Inputs of those that put them on a disk. */
export const LOADERS = loaders('shim', 'grub', 'mm');

/** Inputs of what serves them to machines that start over the network. */
export const NET_LOADERS = loaders('shim', 'grubnet');

function loaders(...names: string[]): Record<string, StepInput> {
  return Object.fromEntries(names.map((output) => [output, { step: `${STAGE}/files`, output }]));
}

/** What makes disks and ISO images with them. */
export interface SignedBoot {
  steps: Step[];
  /** Where the signed GRUB looks for its configuration. */
  grubDir: string;
  /** The same, from the root of a TFTP server. */
  grubnetDir: string;
  isoTools: ToolsSteps['tools'];
}

/** Only the packages with the signed programs: the rest is for systems that install them. */
export function loaderSteps(
  config: Config,
  arch: string,
  tools: Tools,
  { shim, grub, grubnet, mm }: BootFiles,
  section: Section,
): Step[] {
  const packages = ['shim-signed', `grub-efi-${arch}-signed`];
  const only = [...packages, `shim-helpers-${arch}-signed`];
  return [
    ...packagesTree(STAGE, { packages, only }, config, arch, tools, section),
    {
      ...{
        id: `${STAGE}/files`,
        kind: 'extract',
        stage: STAGE,
        params: { files: { shim, grub, grubnet, mm } },
      },
      inputs: { root: { step: `${STAGE}/tree`, output: 'tree' } },
    },
  ];
}

/** `STAGE/tree`: what these packages of Debian hold, and none that they depend on. */
export function packagesTree(
  stage: string,
  { packages, only }: { packages: string[]; only: string[] },
  config: Config,
  arch: string,
  tools: Tools,
  section: Section,
): Step[] {
  const wanted = {
    ...{ name: stage, packages, only, without: [] },
    ...{ exclude: [], kernel: false, programs: [], config: '' },
  };
  return [
    ...packageImageSteps(stage, wanted, config, arch, tools, {}, section),
    {
      ...{ id: `${stage}/tree`, kind: 'compose-root', stage, params: {} },
      inputs: { tar: { step: `${stage}/image`, output: 'layer' } },
    },
  ];
}

export function signedBoot(config: Config, arch: string, tools: Tools): SignedBoot {
  const boot = signedBootFiles(config, arch);
  const iso = isoTools(config);
  const steps = [...iso.steps, ...loaderSteps(config, arch, tools, boot, 'bootstrap')];
  return { steps, grubDir: boot.grubDir, grubnetDir: boot.grubnetDir, isoTools: iso.tools };
}
