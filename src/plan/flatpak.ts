/** Steps that bring Flatpak apps into an image: found and fetched as content, then installed without network. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { wantedRemote } from '../flatpak/types.ts';
import { configuredRemotes, originsOf, usesFlatpak, type ConfiguredRemote } from './flatpak-remotes.ts';
import { flatpakTools, onUsual, type Tools } from './tools.ts';
import type { Json, Plan, Step, StepInput } from './types.ts';

/** Below a system's root. */
const DIR = 'var/lib/flatpak';

/** Flatpak's names of architectures. */
const ARCH: Record<string, string> = { amd64: 'x86_64', arm64: 'aarch64', i386: 'i386' };

const RESOLVE = 'content/flatpak-resolve';
const PULL = 'content/flatpak-pull';
const INSTALL = 'image/flatpak-install';

export interface Flatpaks {
  steps: Step[];
  /** Writes a fragment of the manifest, as hooks do. */
  install: Step;
  /** The tree that holds nothing but the apps. */
  apps: StepInput;
}

/** The step that asks the remotes; its output `apps` says what is to be installed. */
function flatpakResolveStep(
  config: Config,
  arch: string,
  remotes: readonly ConfiguredRemote[],
  tools: Tools,
): Step {
  const params = {
    arch: config.find('flatpak', 'arch')?.trim() || ARCH[arch]!,
    languages: config.list('flatpak', 'locales'),
    remotes: remotes.map((remote): Json => wantedRemote.strip().parse(remote)),
  };
  const origins = Object.assign({}, ...remotes.map((remote) => originsOf(config, remote))) as Step['origins'];
  return {
    ...{ id: RESOLVE, kind: 'flatpak-resolve', stage: 'content', params, inputs: {} },
    ...{ ...tools, network: true, origins: origins! },
  };
}

/** Undefined for variants without Flatpak. `root` is where the running system's root is in the tree. */
export function flatpakSteps(config: Config, arch: string, root: string): Flatpaks | undefined {
  if (!usesFlatpak(config)) return undefined;
  const { steps: init, tools } = flatpakTools(config);
  const remotes = configuredRemotes(config);
  const resolve = flatpakResolveStep(config, arch, remotes, tools);
  const { origins } = resolve;
  const apps = { step: RESOLVE, output: 'apps' };
  const pull: Step = {
    ...{ id: PULL, kind: 'flatpak-pull', stage: 'content', params: {}, inputs: { apps } },
    ...{ ...tools, network: true, origins: origins! },
  };
  const params = {
    dir: root === '' ? DIR : `${root}/${DIR}`,
    languages: config.list('flatpak', 'locales'),
    setExtraLanguages: config.bool('flatpak', 'set_extra_languages'),
    remotes: remotes.map(({ name, deployUrl, noenumerate, p2p }) => ({ name, deployUrl, noenumerate, p2p })),
  };
  const inputs = { apps, repo: { step: PULL, output: 'repo' }, extra: { step: PULL, output: 'extra' } };
  const install: Step = { id: INSTALL, kind: 'flatpak-install', stage: 'image', params, inputs, ...tools };
  return { steps: [...init, resolve, pull, install], install, apps: { step: INSTALL, output: 'apps' } };
}

/** Asks the remotes of a variant, also where its images have no apps for now; the last step is the one that asks. */
export function appsPlan(config: Config): Plan {
  const remotes = configuredRemotes(config);
  if (remotes.length === 0) {
    throw new OsmithError('E_CONFIG', 'This variant has no Flatpak remotes', {
      hint: 'Add a section [flatpak-remote-NAME], or name another variant; docs/flatpak.md says more',
    });
  }
  const { steps, tools } = onUsual(config, flatpakTools(config));
  const resolve = flatpakResolveStep(config, config.attributes['arch']!, remotes, tools);
  return { name: 'apps', steps: [...steps, resolve], artifacts: [] };
}

/** A tree with the apps on top, if there are any: the step that makes it, and its output. */
export function withApps(
  apps: StepInput | undefined,
  { id, stage, base }: { id: string; stage: string; base: StepInput },
): { steps: Step[]; tree: StepInput } {
  if (apps === undefined) return { steps: [], tree: base };
  const step: Step = { id, kind: 'stack', stage, params: { what: 'the apps' }, inputs: { base, top: apps } };
  return { steps: [step], tree: { step: id, output: 'tree' } };
}
