/** Root filesystems by the real steps, with the tools tree that the configuration of a branch names. */
import { createWriteStream, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { loadConfig } from '../../src/config/index.ts';
import { DISTROS } from '../../src/distro/data.ts';
import { defaultStoreDir } from '../../src/env.ts';
import { bootstrapSteps, installSteps, layerSteps, type RootfsRequest } from '../../src/plan/rootfs.ts';
import { packageManagerTools, toolsSteps } from '../../src/plan/tools.ts';
import type { Step, StepInput } from '../../src/plan/types.ts';
import { flatten } from '../../src/run/layer/flatten.ts';
import { indexTar } from '../../src/run/layer/index.ts';
import { tarStream } from '../../src/run/layer/stream.ts';
import { runPlan } from '../../src/run/scheduler.ts';
import { openScratch } from '../../src/run/scratch.ts';
import { blobPath, openStore, treeOf, type Result, type Store } from '../../src/run/store.ts';
import { checkout } from '../../src/run/trees.ts';
import { sandboxTools } from '../../src/vm/sandbox-tools.ts';
import { runTool } from '../../src/vm/tools.ts';
import type { BuildEvent } from './small.ts';
import { REPO } from './osmith.ts';

export interface SystemRequest {
  branch: string;
  distro: string;
  suite: string;
  /** Default: amd64. */
  arch?: string;
  components: string[];
  mirror: string;
  keyring: string;
  base: string[];
  extra?: string[];
  /** Packages on top of the system that is then there: `layer/tree`. */
  layer?: string[];
  unpacking?: Step['params'];
  /** Whether the files that boot it are taken out of it: `boot-files`. */
  boots?: boolean;
}

export interface System {
  store: Store;
  results: Map<string, Result>;
  events: BuildEvent[];
}

const WORKSPACE = join(REPO, 'workspace');

async function runSteps(steps: Step[], again: (step: Step) => boolean = () => false): Promise<System> {
  const store = await openStore(defaultStoreDir());
  const { signal } = new AbortController();
  const events: BuildEvent[] = [];
  const emit = (event: BuildEvent) => void events.push(event);
  const plan = { name: 'conformance', steps, artifacts: [] };
  const results = await runPlan(plan, { store, workspace: WORKSPACE, emit, signal, again });
  return { store, results, events };
}

/** The tools of a branch: its package manager's, and those for all else. */
function toolsOf(branch: string, arch: string): { steps: Step[]; tools: { tools?: string } } {
  const config = loadConfig({ workspace: WORKSPACE, attributes: { branch, arch }, set: [] });
  const init = toolsSteps(config, arch);
  const manager = packageManagerTools(config, init.tools, arch);
  return { steps: [...init.steps, ...manager.steps], tools: manager.tools };
}

function bootFilesOf(distro: string, arch: string, root: StepInput): Step {
  const boot = DISTROS[distro]!.boot[arch]!;
  const { vmlinuz } = boot;
  const loaders =
    'shim' in boot ? { shim: boot.shim, grub: boot.grub, grubnet: boot.grubnet, mm: boot.mm } : {};
  return {
    ...{ id: 'boot-files', kind: 'extract', stage: 'package', inputs: { root } },
    params: { files: { vmlinuz, ...loaders } },
  };
}

/** Steps of another path than the default's are made again: `again`. */
export async function makeSystem(request: SystemRequest, again?: (step: Step) => boolean): Promise<System> {
  const { branch, distro, suite, arch = 'amd64', components, mirror, keyring } = request;
  const { base, extra = [], layer, unpacking = {}, boots = false } = request;
  const manager = toolsOf(branch, arch);
  const given = keyring === '' ? '' : '/in/keyring';
  const rootfs: RootfsRequest = {
    stage: 'bootstrap',
    source: { distro, suite, arch, components, mirror, keyring: given },
    ...{ unpacking, base, extra, tools: manager.tools },
    keyring: keyring === '' ? {} : { keyring: { source: keyring, digest: keyring } },
  };
  const system = extra.length === 0 ? 'bootstrap/tree' : 'refine/packages';
  const onTop = { ...rootfs, prefix: 'layer', base: system, packages: layer ?? [] };
  const root = { step: layer === undefined ? system : 'layer/tree', output: 'tree' };
  const inventory: Step = {
    ...{ id: 'inventory', kind: 'inventory', stage: 'manifest', params: { distro }, ...manager.tools },
    inputs: { root },
  };
  return runSteps(
    [
      ...manager.steps,
      ...bootstrapSteps(rootfs),
      ...(extra.length === 0 ? [] : installSteps('refine', 'bootstrap', rootfs)),
      ...(layer === undefined ? [] : layerSteps(onTop)),
      inventory,
      ...(boots ? [bootFilesOf(distro, arch, root)] : []),
    ],
    again,
  );
}

/** Where the store keeps an output of a system's step. */
export function outputFile({ store, results }: System, step: string, output: string): string {
  return blobPath(store, results.get(step)!.files[output]!.digest);
}

/** Package files of Debian itself, by their packages' names. */
export async function debianPackages(names: string[], arch = 'amd64'): Promise<Map<string, string>> {
  const { steps, tools } = toolsOf('deb', 'amd64');
  const config = loadConfig({ workspace: WORKSPACE, attributes: { branch: 'deb', arch }, set: [] });
  const source = { distro: 'debian', suite: config.get('bootstrap', 'suite'), arch, components: ['main'] };
  const { store, results } = await runSteps([
    ...steps,
    {
      ...{ id: 'real/resolve', kind: 'pkg-resolve', stage: 'pkg', ...tools, network: true, inputs: {} },
      params: { ...source, mirror: '', keyring: '', packages: names, only: names, without: [] },
    },
    {
      ...{ id: 'real/fetch', kind: 'fetch', stage: 'pkg', params: { distro: 'debian' } },
      inputs: { list: { step: 'real/resolve', output: 'list' } },
    },
  ]);
  const files = Object.entries(results.get('real/fetch')!.sets['packages']!);
  return new Map(files.map(([file, { digest }]) => [file.split('_')[0]!, blobPath(store, digest)]));
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

/** What the inventory says. */
export function inventoryOf(system: System): { name: string; version: string; arch: string }[] {
  const text = readFileSync(outputFile(system, 'inventory', 'packages'), 'utf8');
  return JSON.parse(text) as { name: string; version: string; arch: string }[];
}

/** Runs a program of a branch's package manager's tools, which sees the directory; what it prints. */
export async function runManager(branch: string, argv: string[], directory: string): Promise<string> {
  const manager = toolsOf(branch, 'amd64');
  const { store, results } = await runSteps(manager.steps);
  const { layers } = treeOf(results.get(manager.tools.tools!)!, 'tree')!;
  const scratch = await openScratch(store);
  try {
    const root = await Promise.all(layers.map((digest) => checkout(store, scratch.dir, digest)));
    return await runTool(sandboxTools(store, root, scratch.dir), argv, { read: [directory] });
  } finally {
    await scratch.release();
  }
}
