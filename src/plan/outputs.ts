/** What a build can hand out, and what of it the configuration asks for. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import type { Step, StepInput } from './types.ts';

/** Something a build can hand out: the extension of its file, and what makes it. */
export interface Output {
  extension: string;
  from: StepInput;
  /** What it holds, where the file is another form of that: the raw disk. */
  unpacked?: StepInput;
}

/** The steps of the stage, and the outputs that they can make by format name. */
export interface Packaged {
  steps: Step[];
  outputs: Map<string, Output>;
  /** What says which commit the system is, where that was made elsewhere. */
  commit?: StepInput;
  /** What says what was deployed, where a commit was. */
  deployment?: StepInput;
  /** The kernel that boots it. */
  kernel?: StepInput;
}

/** How one kind of `image.system` is made of a tree. */
export type PackageMaker = (
  config: Config,
  names: { name: string; arch: string },
  tree: StepInput,
  tools: { tools?: string },
  apps?: StepInput,
) => Packaged;

/** The kernel command line of the system that is built. */
export function kernelCmdline(config: Config): string {
  return config.list('image', 'cmdline').join(' ');
}

/** What `image.formats` asks for. */
export function chosenOutputs(config: Config, outputs: Map<string, Output>): Output[] {
  return config.list('image', 'formats').map((name) => {
    const output = outputs.get(name);
    if (output !== undefined) return output;
    throw new OsmithError('E_CONFIG', `There is no output format ${name}`, {
      where: config.where('image', 'formats'),
      hint: `Known: ${[...outputs.keys()].join(' ')}`,
    });
  });
}
