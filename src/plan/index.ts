/** Resolved configuration to plan: which steps make the artifacts that were asked for. */
import { type Config, publicOnly } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { hookSteps } from './hooks.ts';
import { manifestSteps } from './manifest.ts';
import { chosenOutputs, packageSteps } from './package.ts';
import { bootstrapSteps, installSteps, keyringInput, packageSource, type RootfsRequest } from './rootfs.ts';
import { savedConfig } from './saved-config.ts';
import { programSteps } from './programs.ts';
import { toolsSteps } from './tools.ts';
import { isStepInput, type Artifact, type Plan, type Step } from './types.ts';

/** Only the steps that something needs, in their order. */
function prune(steps: Step[], wanted: string[]): Step[] {
  const needed = new Set(wanted);
  for (const step of steps.toReversed()) {
    if (!needed.has(step.id)) continue;
    for (const input of Object.values(step.inputs)) if (isStepInput(input)) needed.add(input.step);
    if (step.tools !== undefined) needed.add(step.tools);
  }
  return steps.filter((step) => needed.has(step.id));
}

/** First part of the artifacts' file names. */
function baseName(config: Config): string {
  const name = config.get('build', 'name');
  if (/^[\w+-][\w.+-]*$/.test(name)) return name;
  throw new OsmithError('E_CONFIG', `build.name is no good start of a file name: ${JSON.stringify(name)}`, {
    where: config.where('build', 'name'),
    hint: 'Use letters, digits and . _ + -',
  });
}

/** The plan of a variant. Throws E_CONFIG or E_HOOK_MISSING before any work when it cannot be made. */
export function makePlan(given: Config): Plan {
  const config = publicOnly(given);
  const arch = config.attributes['arch']!;
  const name = [baseName(config), config.attributes['branch'], arch].join('_');
  const { steps: init, tools } = toolsSteps(config, arch);
  const rootfs: RootfsRequest = {
    stage: 'bootstrap',
    source: packageSource(config, 'bootstrap', arch),
    base: config.list('bootstrap', 'packages'),
    extra: config.list('refine', 'packages'),
    keyring: keyringInput(config, 'bootstrap'),
    tools,
  };
  const installed = { step: 'refine/packages', output: 'tree' };
  const hooks = hookSteps({ config, group: 'refine', base: installed, ...tools });
  const packaged = packageSteps(config, { name, arch }, hooks.tree, tools);
  const artifacts = chosenOutputs(config, packaged.outputs).map(({ extension, from }): Artifact => {
    return { name: `${name}.${extension}`, ...from };
  });
  const all = [
    ...init,
    ...bootstrapSteps(rootfs),
    ...installSteps('refine', 'bootstrap', rootfs),
    ...programSteps(arch),
    ...hooks.steps,
    ...packaged.steps,
    ...manifestSteps({ config, name, artifacts, root: hooks.tree, hooks: hooks.steps, tools }),
  ];
  const saved = savedConfig(config, name);
  const epoch = config.find('build', 'epoch')?.trim();
  return {
    name,
    ...(epoch ? { epoch: config.int('build', 'epoch') } : {}),
    steps: [...prune(all, ['manifest/manifest']), saved.step],
    artifacts: [
      ...artifacts,
      saved.artifact,
      { name: 'manifest.json', step: 'manifest/manifest', output: 'manifest' },
    ],
  };
}
