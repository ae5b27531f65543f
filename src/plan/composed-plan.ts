/** The plan of a system that is composed of images. */
import { type Config, publicOnly } from '../config/index.ts';
import { assemble } from './assemble.ts';
import { COMPOSED_ROOT, composedSteps, type ComposedSystem } from './composed.ts';
import { buildName } from './name.ts';
import { toolsSteps } from './tools.ts';
import type { Plan } from './types.ts';

/**
 * Makes the plan in two steps: all that the configuration alone can have wrong is told at once, the plan is made when the
 * images are there.
 */
export function composedPlan(given: Config): (system: ComposedSystem) => Plan {
  const config = publicOnly(given);
  const arch = config.attributes['arch']!;
  const name = buildName(config);
  const { steps: before, tools } = toolsSteps(config, arch);
  const steps = composedSteps(config, { name, arch }, tools);
  return (system) => {
    const { images, version, date } = system;
    const nothing = { steps: [], faults: [] };
    return assemble({
      ...{
        config,
        name,
        before,
        packaged: steps(system),
        tools,
        manager: tools,
        content: nothing,
        further: [],
        groups: [],
      },
      ...{ root: COMPOSED_ROOT, composed: { images, version, date } },
    });
  };
}
