/** The plan of a variant, whatever its system is made of. */
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { askOnce } from '../pkg/git.ts';
import { composedPlan, isComposed, makePlan } from '../plan/index.ts';
import type { Plan } from '../plan/types.ts';
import type { RunOptions } from '../run/scheduler.ts';
import { composedSystem, type Version } from './composed-system.ts';
import { loadVariant } from './variant.ts';

export interface PlanRequest {
  /** The same variant for another architecture, for what is built on the way. */
  configFor: (arch: string) => Config;
  run: RunOptions;
  /** Whether registries are asked again. */
  refresh?: boolean | undefined;
  version?: Version | undefined;
}

/** Of a composed system packages are built and images fetched: which there are says what is to be done. */
export async function planOf(config: Config, request: PlanRequest): Promise<Plan> {
  if (!isComposed(config)) return makePlan(config);
  const { configFor: load, run, refresh = false, version } = request;
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
