/** Steps that say what a build is made of and what it made. */
import type { Config } from '../config/index.ts';
import { kernelCmdline } from './package.ts';
import { isStepInput, type Artifact, type Step, type StepInput } from './types.ts';

export interface ManifestRequest {
  config: Config;
  name: string;
  artifacts: Artifact[];
  /** The finished tree. */
  root: StepInput;
  /** All hooks, in the order of their stages: what they read is told, and what they wrote for the manifest merged. */
  hooks: Step[];
  tools: { tools?: string };
  /** What says which commit the system is, where it was not made of packages here. */
  commit?: StepInput | undefined;
}

/** Digests of the workspace's files that went into steps, by path. */
function sourceDigests(steps: Step[]): Record<string, string> {
  const inputs = steps.flatMap((step) => Object.values(step.inputs));
  const sources = inputs.flatMap((input) =>
    isStepInput(input) ? [] : [[input.name ?? input.source, input.digest] as const],
  );
  return Object.fromEntries(sources);
}

export function manifestSteps(request: ManifestRequest): Step[] {
  const { config, name, artifacts, root, hooks, tools, commit } = request;
  const inputName = (index: number) => `artifact${index}`;
  const stage = 'manifest';
  const origin: Record<string, StepInput> =
    commit === undefined
      ? {
          packages: { step: 'manifest/packages', output: 'packages' },
          base: { step: 'bootstrap/resolve', output: 'base' },
          extra: { step: 'bootstrap/resolve', output: 'extra' },
        }
      : { commit };
  return [
    {
      ...{ id: 'manifest/packages', kind: 'inventory', stage, ...tools },
      params: { distro: config.get('bootstrap', 'distro') },
      inputs: { root },
    },
    {
      ...{ id: 'manifest/manifest', kind: 'manifest', stage },
      params: {
        name,
        variant: config.attributes,
        cmdline: kernelCmdline(config),
        artifacts: Object.fromEntries(artifacts.map((artifact, index) => [artifact.name, inputName(index)])),
        sources: sourceDigests(hooks),
        origin: commit === undefined ? 'packages' : 'commit',
        fragments: hooks.map(({ id }) => `fragments/${id}`),
      },
      inputs: {
        ...origin,
        kernel: { step: 'package/boot-files', output: 'vmlinuz' },
        ...Object.fromEntries(
          artifacts.map(({ step, output }, index) => [inputName(index), { step, output }]),
        ),
        ...Object.fromEntries(hooks.map(({ id }) => [`fragments/${id}`, { step: id, output: 'fragments' }])),
      },
    },
  ];
}
