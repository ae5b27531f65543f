/** Root filesystems by the real steps, with the tools tree that the configuration of a branch names. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { loadConfig } from '../../src/config/index.ts';
import { defaultStoreDir } from '../../src/env.ts';
import { bootstrapSteps, installSteps, type RootfsRequest } from '../../src/plan/rootfs.ts';
import { packageManagerTools, toolsSteps } from '../../src/plan/tools.ts';
import type { Plan, Step } from '../../src/plan/types.ts';
import { flatten } from '../../src/run/layer/flatten.ts';
import { indexTar } from '../../src/run/layer/index.ts';
import { tarStream } from '../../src/run/layer/stream.ts';
import { runPlan } from '../../src/run/scheduler.ts';
import { blobPath, openStore, treeOf, type Result, type Store } from '../../src/run/store.ts';
import type { BuildEvent } from './small.ts';
import { REPO } from './osmith.ts';

export interface SystemRequest {
  branch: string;
  distro: string;
  suite: string;
  components: string[];
  mirror: string;
  keyring: string;
  base: string[];
  extra?: string[];
  unpacking?: Step['params'];
  /** Default: amd64. */
  arch?: string;
}

export interface System {
  store: Store;
  results: Map<string, Result>;
  events: BuildEvent[];
}

/** Steps of another path than the default's are made again: `again`. */
export async function makeSystem(
  request: SystemRequest,
  again: (step: Step) => boolean = () => false,
): Promise<System> {
  const { branch, distro, suite, components, mirror, keyring, base, extra = [], unpacking = {} } = request;
  const { arch = 'amd64' } = request;
  const workspace = join(REPO, 'workspace');
  const config = loadConfig({ workspace, attributes: { branch, arch: 'amd64' }, set: [] });
  const init = toolsSteps(config, 'amd64');
  const manager = packageManagerTools(config, init.tools);
  const rootfs: RootfsRequest = {
    stage: 'bootstrap',
    source: {
      distro,
      suite,
      arch,
      components,
      mirror,
      keyring: keyring === '' ? '' : '/in/keyring',
    },
    ...{ unpacking, base, extra, tools: manager.tools },
    keyring: keyring === '' ? {} : { keyring: { source: keyring, digest: keyring } },
  };
  const last = extra.length === 0 ? 'bootstrap/tree' : 'refine/packages';
  const inventory: Step = {
    ...{ id: 'inventory', kind: 'inventory', stage: 'manifest', params: { distro }, ...manager.tools },
    inputs: { root: { step: last, output: 'tree' } },
  };
  const steps = [
    ...(manager.tools.tools === 'init/tree' ? init.steps : manager.steps),
    ...bootstrapSteps(rootfs),
    ...(extra.length === 0 ? [] : installSteps('refine', 'bootstrap', rootfs)),
    inventory,
  ];
  const plan: Plan = { name: 'conformance', steps, artifacts: [] };
  const store = await openStore(defaultStoreDir());
  const { signal } = new AbortController();
  const events: BuildEvent[] = [];
  const emit = (event: BuildEvent) => void events.push(event);
  const results = await runPlan(plan, { store, workspace, emit, signal, again });
  return { store, results, events };
}

/** A tree of a system as one tar file. */
export async function treeTar({ store, results }: System, step: string): Promise<string> {
  const tree = treeOf(results.get(step)!, 'tree')!;
  const file = join(mkdtempSync(join(tmpdir(), 'osmith-test-')), 'tree.tar');
  const layers = tree.layers.map((digest) => {
    const path = blobPath(store, digest);
    return { file: path, entries: indexTar(path) };
  });
  await pipeline(tarStream(flatten(layers, results.get(step)!.epoch)), createWriteStream(file));
  return file;
}
