/** Steps that say what a build is made of and what it made. */
import type { Config } from '../config/index.ts';
import { kernelCmdline } from './outputs.ts';
import { compressionOf, type Image, type Signing } from './sign.ts';
import { isStepInput, type Artifact, type Json, type Step, type StepInput } from './types.ts';

/** An image by the name that a description has for it. */
export interface ComposedImage {
  name: string;
  /** `sha256:HEX` */
  digest: string;
}

export interface ManifestRequest {
  config: Config;
  name: string;
  artifacts: Artifact[];
  /** Those of the artifacts that are not about others. */
  images: Image[];
  /** Which files there are about each image. */
  about: Signing['about'];
  /** The finished tree. */
  root: StepInput;
  /** All hooks, in the order of their stages: what they read is told, and what they wrote for the manifest merged. */
  hooks: Step[];
  tools: { tools?: string };
  /** Images that the system was made of, where it was not made of packages here, and what it is called. */
  composed?: { images: readonly ComposedImage[]; version: string; date: string } | undefined;
  /** What says which commit the system is, where it was not made of packages here. */
  commit?: StepInput | undefined;
  /** What says what was deployed, where a commit was. */
  deployment?: StepInput | undefined;
  /** The kernel, if there is one. */
  kernel?: StepInput | undefined;
}

/** Digests of the workspace's files that went into steps, by path. */
export function sourcesOf(steps: readonly Step[]): Record<string, string> {
  const inputs = steps.flatMap((step) => Object.values(step.inputs));
  const sources = inputs.flatMap((input) =>
    isStepInput(input) ? [] : [[input.name ?? input.source, input.digest] as const],
  );
  return Object.fromEntries(sources);
}

/** What the manifest says of each image, by the end of its name; sizes are those of inputs. */
function imageParams(
  name: string,
  { images, about }: ManifestRequest,
  input: (file: StepInput) => string,
): Record<string, Json> {
  const described = images.map(({ artifact, unpacked }): [string, Json] => [
    artifact.name.slice(name.length + 1),
    {
      file: artifact.name,
      input: input(artifact),
      unpacked: unpacked === undefined ? null : input(unpacked),
      compression: compressionOf(artifact.name),
      ...about(artifact.name),
    },
  ]);
  return Object.fromEntries(described);
}

/** What the system was made of, and the inputs that tell more of that. */
function originOf(
  commit: StepInput | undefined,
  composed: ManifestRequest['composed'],
): { origin: 'packages' | 'commit' | 'images'; inputs: Record<string, StepInput> } {
  if (composed !== undefined) return { origin: 'images', inputs: {} };
  if (commit !== undefined) return { origin: 'commit', inputs: { commit } };
  const inputs = {
    packages: { step: 'manifest/packages', output: 'packages' },
    base: { step: 'bootstrap/resolve', output: 'base' },
    extra: { step: 'bootstrap/resolve', output: 'extra' },
  };
  return { origin: 'packages', inputs };
}

export function manifestSteps(request: ManifestRequest): Step[] {
  const { config, name, artifacts, root, hooks, tools, kernel, composed, commit, deployment } = request;
  const { origin, inputs } = originOf(commit, composed);
  const unpacked = request.images.flatMap((image) => image.unpacked ?? []);
  const files = new Map(
    [...artifacts, ...unpacked].map(({ step, output }) => [`${step}/${output}`, { step, output }]),
  );
  const input = ({ step, output }: StepInput) => `files/${step}/${output}`;
  const stage = 'manifest';
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
        product: config.get('image', 'title'),
        artifacts: Object.fromEntries(artifacts.map((artifact) => [artifact.name, input(artifact)])),
        images: imageParams(name, request, input),
        sources: sourcesOf(hooks),
        origin,
        ...(composed && {
          composed: { ...composed, images: composed.images.map(({ name, digest }) => ({ name, digest })) },
        }),
        fragments: hooks.map(({ id }) => `fragments/${id}`),
      },
      inputs: {
        ...inputs,
        ...(deployment === undefined ? {} : { deployment }),
        ...(kernel === undefined ? {} : { kernel }),
        ...Object.fromEntries([...files.values()].map((file) => [input(file), file])),
        ...Object.fromEntries(hooks.map(({ id }) => [`fragments/${id}`, { step: id, output: 'fragments' }])),
      },
    },
  ];
}
