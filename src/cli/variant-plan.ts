/** The plan of a variant, whatever its system is made of. */
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { askOnce } from '../pkg/git.ts';
import { composedPlan, isComposed, makePlan } from '../plan/index.ts';
import type { Plan } from '../plan/types.ts';
import type { RunOptions } from '../run/scheduler.ts';
import { composedSystem } from './composed-system.ts';
import { loadVariant } from './variant.ts';

/** Of a composed system packages are built and images fetched: which there are says what is to be done. */
export async function variantPlan(
  command: Command,
  config: Config,
  run: RunOptions,
  refresh = false,
): Promise<Plan> {
  if (!isComposed(config)) return makePlan(config);
  const finish = composedPlan(config);
  const configs = new Map([[config.attributes['arch']!, config]]);
  const configFor = (arch: string) => {
    const known = configs.get(arch) ?? loadVariant(command, { arch });
    configs.set(arch, known);
    return known;
  };
  return finish(await askOnce(() => composedSystem(config, { configFor, run, refresh })));
}
