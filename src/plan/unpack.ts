/** From what an image of an operating system carries to the plan that makes an artifact of it. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { stepsFor } from './assemble.ts';
import type { Assembly } from './assembly.ts';
import type { ConfigFiles } from './config-volume.ts';
import { isoTools, toolsSteps, type Tools } from './tools.ts';
import type { Plan, Step, StepInput } from './types.ts';

/** What is laid over the configuration of the system. */
export interface ConfigChanges extends ConfigFiles {
  serial?: { value: string; replace: boolean };
}

export interface UnpackRequest {
  /** The format. */
  format: string;
  /** Of the disk, in bytes. */
  size?: number | undefined;
  changes?: ConfigChanges | undefined;
}

/** The step that lays changes over the configuration. */
export const OVERLAY = 'package/config-overlay';

function overlay(config: StepInput, { files, inputs, serial }: ConfigChanges, tools: Tools): Step {
  return {
    ...{ id: OVERLAY, kind: 'config-overlay', stage: 'package', ...tools },
    params: { files, ...(serial === undefined ? {} : { serial }) },
    inputs: { image: config, ...inputs },
  };
}

/** Throws E_USAGE for what has no size. */
function withSize(step: Step | undefined, format: string, size: number): Step {
  if (step?.kind === 'disk') return { ...step, params: { ...step.params, size } };
  if (step?.kind === 'convert' && !format.startsWith('raw.'))
    return { ...step, params: { ...step.params, diskSize: size } };
  throw new OsmithError('E_USAGE', `${format} has no size that could be chosen`, {
    hint: 'Leave --size away',
  });
}

/** The plan, and which of its outputs is asked for. Throws E_USAGE for what the image cannot become. */
export function unpackPlan(
  assembly: Assembly,
  config: Config,
  { format, size, changes }: UnpackRequest,
): { plan: Plan; from: StepInput } {
  const { from } = assembly.outputs[format]!;
  const arch = config.attributes['arch']!;
  const [usual, iso] = [toolsSteps(config, arch), isoTools(config)];
  const toolsOf = (id: string | undefined) => (id === 'iso/tree' ? iso.tools : id ? usual.tools : {});
  const volume = assembly.config;
  const replaced = (input: StepInput) =>
    changes !== undefined && input.step === volume?.step && input.output === volume.output
      ? { step: OVERLAY, output: 'image' }
      : input;
  const carried = assembly.steps.map(({ id, kind, params, inputs, tools }): Step => {
    const changed = Object.entries(inputs).map(([name, input]) => [name, replaced(input)] as const);
    const own = { id, kind, params, stage: 'package', ...toolsOf(tools) };
    return { ...own, inputs: Object.fromEntries(changed) };
  });
  const sized = carried.map((step) =>
    size !== undefined && step.id === from.step ? withSize(step, format, size) : step,
  );
  if (size !== undefined && !carried.some(({ id }) => id === from.step)) withSize(undefined, format, size);
  const before = changes && volume ? [overlay(volume, changes, usual.tools)] : [];
  const steps = [...usual.steps, ...iso.steps, ...before, ...sized];
  return {
    plan: {
      name: assembly.name,
      variant: `unpack-${Object.values(assembly.attributes).join('-')}`,
      ...(assembly.epoch === undefined ? {} : { epoch: assembly.epoch }),
      steps: stepsFor(steps, [from.step]),
      artifacts: [],
    },
    from,
  };
}
