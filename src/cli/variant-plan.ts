/** The plan of a variant, whatever its system is made of. */
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import type { Plan } from '../plan/types.ts';
import type { RunOptions } from '../run/scheduler.ts';
import type { Version } from './composed-system.ts';
import { loadVariant } from './variant.ts';

export interface PlanRequest {
  /** The same variant for another architecture, for what is built on the way. */
  configFor: (arch: string) => Config;
  run: RunOptions;
  /** Whether registries are asked again. */
  refresh?: boolean | undefined;
  version?: Version | undefined;
}

/** Loads only what makes plans of the system's kind: that takes longer than to make them. */
export async function planOf(config: Config, request: PlanRequest): Promise<Plan> {
  if (config.get('image', 'system') === 'composed') return planOfComposed(config, request);
  const { makePlan } = await import('../plan/index.ts');
  return makePlan(config);
}

/** Of a composed system packages are built and images fetched: which there are says what is to be done. */
async function planOfComposed(config: Config, request: PlanRequest): Promise<Plan> {
  const { configFor: load, run, refresh = false, version } = request;
  const [{ composedPlan }, { composedSystem }, { askOnce }] = await Promise.all([
    import('../plan/composed-plan.ts'),
    import('./composed-system.ts'),
    import('../pkg/git.ts'),
  ]);
  const finish = composedPlan(config);
  const configs = new Map([[config.attributes['arch']!, config]]);
  const configFor = (arch: string) => {
    const known = configs.get(arch) ?? load(arch);
    configs.set(arch, known);
    return known;
  };
  return finish(await askOnce(() => composedSystem(config, { configFor, run, refresh, version })));
}

/** The same for the variant that a command line names. */
export function variantPlan(
  command: Command,
  config: Config,
  run: RunOptions,
  refresh = false,
): Promise<Plan> {
  return planOf(config, { configFor: (arch) => loadVariant(command, { arch }), run, refresh });
}
