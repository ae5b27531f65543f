/** Resolved configuration to plan: which steps make the artifacts that were asked for. */
import { type Config, publicOnly } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { hookSteps, throwFaults, type HookSteps } from './hooks.ts';
import { manifestSteps } from './manifest.ts';
import { ostreeSteps } from './ostree.ts';
import { chosenOutputs, packageSteps, type Packaged } from './package.ts';
import { bootstrapSteps, installSteps, keyringInput, packageSource, type RootfsRequest } from './rootfs.ts';
import { savedConfig } from './saved-config.ts';
import { programSteps } from './programs.ts';
import { toolsSteps } from './tools.ts';
import { isStepInput, type Artifact, type Input, type Plan, type Step } from './types.ts';

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

/** The attributes of a variant as one name. */
export function variantName(config: Config): string {
  return Object.values(config.attributes).join('-');
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
  const refine = hookSteps({ config, group: 'refine', base: installed, ...tools });
  const refined = refine.tree!;
  const content = hookSteps({ config, group: 'content', base: refined, ...tools });
  const image = hookSteps({ config, group: 'image', base: refined, content: content.steps, ...tools });
  const root = image.tree!;
  const system = config.get('image', 'system') === 'ostree' ? ostreeSteps : packageSteps;
  const packaged: Packaged = system(config, { name, arch }, root, tools);
  const artifacts = chosenOutputs(config, packaged.outputs).map(({ extension, from }): Artifact => {
    return { name: `${name}.${extension}`, ...from };
  });
  const manifest: Artifact = { name: 'manifest.json', step: 'manifest/manifest', output: 'manifest' };
  const saved = savedConfig(config, name);
  const manifestHooks = hookSteps({
    ...{ config, group: 'manifest', base: root, content: content.steps, ...tools },
    inputs: artifactInputs(artifacts),
  });
  const publish = hookSteps({
    ...{ config, group: 'publish', ...tools },
    inputs: artifactInputs([...artifacts, saved.artifact, manifest]),
  });
  const groups = [refine, content, image, manifestHooks];
  throwFaults([...groups, publish, errorSteps(config)].flatMap(({ faults }) => faults));
  const { commit } = packaged;
  // What was made elsewhere has no hooks of this workspace in it.
  const hooks = commit === undefined ? groups.flatMap(({ steps }) => steps) : [];
  const all = [
    ...init,
    ...bootstrapSteps(rootfs),
    ...installSteps('refine', 'bootstrap', rootfs),
    ...programSteps(arch),
    ...refine.steps,
    ...content.steps,
    ...image.steps,
    ...packaged.steps,
    ...manifestHooks.steps,
    ...manifestSteps({ config, name, artifacts, root, hooks, tools, commit }),
    saved.step,
    ...publish.steps,
  ];
  checkIds(all);
  const epoch = config.find('build', 'epoch')?.trim();
  return {
    name,
    variant: variantName(config),
    ...(epoch ? { epoch: config.int('build', 'epoch') } : {}),
    steps: prune(all, [saved.step.id, manifest.step, ...publish.steps.map(({ id }) => id)]),
    artifacts: [...artifacts, saved.artifact, manifest],
  };
}

function artifactInputs(artifacts: Artifact[]): Record<string, Input> {
  return Object.fromEntries(
    artifacts.map(({ name, step, output }) => [`artifacts/${name}`, { step, output }]),
  );
}

/** A hook shares its stage with steps of Osmith's own. */
function checkIds(steps: Step[]): void {
  const ids = steps.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice === undefined) return;
  throw new OsmithError('E_CONFIG', `A hook cannot be called ${twice}: Osmith has a step of that name`, {
    hint: 'Rename the hook; mostly names begin with a number',
  });
}

/** The hooks that run when a build has failed. `inputs` and `env` tell them what happened. */
export function errorSteps(
  config: Config,
  told: { inputs?: Record<string, Input>; env?: Record<string, string>; tools?: string } = {},
): HookSteps {
  return hookSteps({ config, group: 'error', ...told });
}
