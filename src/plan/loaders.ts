/** Steps that bring the boot loaders which firmware starts under Secure Boot, out of the packages that sign them. */
import type { Config } from '../config/index.ts';
import { packageImageSteps } from '../pkg/debian-plan.ts';
import { bootFiles } from './package.ts';
import { isoTools, type Tools, type ToolsSteps } from './tools.ts';
import type { Step, StepInput } from './types.ts';

const STAGE = 'loaders';

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
export function signedBoot(config: Config, arch: string, tools: Tools): SignedBoot {
  const { shim, grub, grubnet, mm, grubDir, grubnetDir } = bootFiles(config, arch);
  const packages = ['shim-signed', `grub-efi-${arch}-signed`];
  const wanted = {
    ...{ name: 'loaders', packages, only: [...packages, `shim-helpers-${arch}-signed`], without: [] },
    ...{ exclude: [], kernel: false, programs: [], config: '' },
  };
  const iso = isoTools(config);
  const steps: Step[] = [
    ...iso.steps,
    ...packageImageSteps(STAGE, wanted, config, arch, tools),
    {
      ...{ id: `${STAGE}/tree`, kind: 'compose-root', stage: STAGE, params: {} },
      inputs: { tar: { step: `${STAGE}/image`, output: 'layer' } },
    },
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
  return { steps, grubDir, grubnetDir, isoTools: iso.tools };
}
