/** Resolved configuration to plan: which steps make the artifacts that were asked for. */
import { type Config, publicOnly } from '../config/index.ts';
import { assemble } from './assemble.ts';
import { flatpakSteps } from './flatpak.ts';
import { containerSteps } from './container.ts';
import { hookSteps } from './hooks.ts';
import { ostreeSteps } from './ostree.ts';
import { stateroot } from './ostree-options.ts';
import { buildName } from './name.ts';
import type { PackageMaker } from './outputs.ts';
import { packageSteps } from './package.ts';
import {
  bootstrapSteps,
  installSteps,
  keyringInput,
  packageSource,
  packageUnpacking,
  type RootfsRequest,
} from './rootfs.ts';
import { programSteps } from './programs.ts';
import { packageManagerTools, toolsSteps } from './tools.ts';
import type { Plan } from './types.ts';

/** The plan of a variant. Throws E_CONFIG or E_HOOK_MISSING before any work when it cannot be made. */
export function makePlan(given: Config): Plan {
  const config = publicOnly(given);
  const arch = config.attributes['arch']!;
  const name = buildName(config);
  const { steps: init, tools } = toolsSteps(config, arch);
  const isOstree = config.get('image', 'system') === 'ostree';
  const manager = packageManagerTools(config, tools, arch);
  const flatpaks = flatpakSteps(config, arch, isOstree ? stateroot(config) : '');
  const rootfs: RootfsRequest = {
    stage: 'bootstrap',
    source: packageSource(config, 'bootstrap', arch),
    unpacking: packageUnpacking(config, 'bootstrap'),
    base: config.list('bootstrap', 'packages'),
    extra: [...config.list('refine', 'packages'), ...(flatpaks ? config.list('flatpak', 'packages') : [])],
    keyring: keyringInput(config, 'bootstrap'),
    tools: manager.tools,
  };
  const installed = { step: 'refine/packages', output: 'tree' };
  const refine = hookSteps({ config, group: 'refine', base: installed, ...tools });
  const refined = refine.tree!;
  const content = hookSteps({ config, group: 'content', base: refined, ...tools });
  const image = hookSteps({ config, group: 'image', base: refined, content: content.steps, ...tools });
  const root = image.tree!;
  const names = { name, arch };
  const makers: Record<string, PackageMaker> = { ostree: ostreeSteps, container: containerSteps };
  const maker = makers[config.get('image', 'system')] ?? packageSteps;
  const packaged = maker(config, names, root, tools, flatpaks?.apps);
  const before = [
    ...init,
    ...manager.steps,
    ...bootstrapSteps(rootfs),
    ...installSteps('refine', 'bootstrap', rootfs),
    ...programSteps(arch),
    ...refine.steps,
    ...content.steps,
    ...image.steps,
    ...(flatpaks?.steps ?? []),
  ];
  const further = flatpaks === undefined ? [] : [flatpaks.install];
  return assemble({
    ...{ config, name, before, packaged, root, tools, content, further, groups: [refine, content, image] },
    manager: manager.tools,
  });
}
