/** What becomes of a system, whatever it was made of: its artifacts, what is told of them, and the plan as a whole. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { hookSteps, throwFaults, errorSteps, type HookSteps } from './hooks.ts';
import { manifestSteps, type ManifestRequest } from './manifest.ts';
import { osImageOutput, osImageSteps } from './os-image.ts';
import { chosenOutputs, type Output, type Packaged } from './outputs.ts';
import { savedConfig } from './saved-config.ts';
import { sbomSteps } from './sbom.ts';
import { imagesOf, signingSteps } from './sign.ts';
import type { Tools } from './tools.ts';
import { isStepInput, type Artifact, type Input, type Plan, type Step } from './types.ts';

export interface System extends Pick<ManifestRequest, 'config' | 'name' | 'root' | 'tools' | 'composed'> {
  /** The steps before those of the packaging. */
  before: Step[];
  packaged: Packaged;
  /** The programs that know its packages. */
  manager: Tools;
  /** Hooks that made the system, with what they complain of. */
  groups: HookSteps[];
  /** Those that fetched what others put into it. */
  content: HookSteps;
  /** Steps that wrote to the manifest as hooks do. */
  further: Step[];
}

/** Only the steps that those of the ids need, in their order. */
export function stepsFor(steps: Step[], wanted: string[]): Step[] {
  const needed = new Set(wanted);
  for (const step of steps.toReversed()) {
    if (!needed.has(step.id)) continue;
    for (const input of Object.values(step.inputs)) if (isStepInput(input)) needed.add(input.step);
    if (step.tools !== undefined) needed.add(step.tools);
  }
  return steps.filter((step) => needed.has(step.id));
}

/** The attributes of a variant as one name. */
export function variantName(config: Config): string {
  return Object.values(config.attributes).join('-');
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

/** The bill of materials that comes with a system. */
const BILL = 'spdx.json';

/** What the image of the system has for people to read. */
function aboutOf(
  lists: { outputs: ReadonlyMap<string, Output> } | undefined,
  { step, artifact }: ReturnType<typeof savedConfig>,
): Map<string, Output> {
  const bill = lists?.outputs.get(BILL);
  return new Map([
    ['config.ini', { extension: 'config.ini', from: { step: step.id, output: artifact.output } }],
    ...(bill === undefined ? [] : [[BILL, bill] as const]),
  ]);
}

/** The whole plan. Throws E_CONFIG or E_HOOK_MISSING. */
export function assemble(system: System): Plan {
  const { config, name, before, packaged, groups, content, further, root, tools, composed } = system;
  // What was made elsewhere says itself what is in it.
  const lists = packaged.commit === undefined ? sbomSteps(config, name, root, tools) : undefined;
  const saved = savedConfig(config, name);
  const isCarried = packaged.outputs.has('raw');
  const outputs = new Map([
    ...packaged.outputs,
    ...(lists?.outputs ?? []),
    ...(isCarried ? [osImageOutput] : []),
  ]);
  const images = imagesOf(name, chosenOutputs(config, outputs));
  const signing = signingSteps(config, images);
  const artifacts = [...images.map(({ artifact }) => artifact), ...signing.artifacts];
  const manifest: Artifact = { name: 'manifest.json', step: 'manifest/manifest', output: 'manifest' };
  const signed = [saved.artifact, manifest].map(signing.sign);
  const last = [saved.artifact, ...signed.flatMap((each) => each.artifacts), manifest];
  const manifestHooks = hookSteps({
    ...{ config, group: 'manifest', base: root, content: content.steps, ...tools },
    inputs: artifactInputs(artifacts),
  });
  const publish = hookSteps({
    ...{ config, group: 'publish', ...tools },
    inputs: artifactInputs([...artifacts, ...last]),
  });
  const told = [...groups, manifestHooks];
  throwFaults([...told, publish, errorSteps(config)].flatMap(({ faults }) => faults));
  // What was made elsewhere has no hooks of this workspace in it.
  const own = packaged.commit === undefined ? told.flatMap(({ steps }) => steps) : [];
  const all = [
    ...before,
    ...packaged.steps,
    ...(lists?.steps ?? []),
    saved.step,
    ...(isCarried
      ? osImageSteps({
          ...{ config, name, version: composed?.version ?? '', packaged },
          ...{ lists: aboutOf(lists, saved), tools },
        })
      : []),
    ...signing.steps,
    ...manifestHooks.steps,
    ...manifestSteps({
      ...{ config, name, root, tools: system.manager, composed },
      ...{ artifacts, images, about: signing.about, hooks: [...own, ...further] },
      ...{ commit: packaged.commit, deployment: packaged.deployment, kernel: packaged.kernel },
    }),
    ...signed.flatMap((each) => each.steps),
    ...publish.steps,
  ];
  checkIds(all);
  const epoch = config.find('build', 'epoch')?.trim();
  return {
    name,
    variant: variantName(config),
    ...(epoch ? { epoch: config.int('build', 'epoch') } : {}),
    steps: stepsFor(all, [...last.map(({ step }) => step), ...publish.steps.map(({ id }) => id)]),
    artifacts: [...artifacts, ...last],
  };
}
