/** The tools of virtual machines out of their tools tree: made when first needed, run in the engine's sandbox. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import { defaultStoreDir } from '../env.ts';
import { vmTools, type ToolsSteps } from '../plan/tools.ts';
import type { Emit } from '../report/events.ts';
import { isForeign } from '../run/emulation.ts';
import { startSandbox, type Bind, type SandboxSpec } from '../run/sandbox.ts';
import { runPlan } from '../run/scheduler.ts';
import { cleanStale, openScratch } from '../run/scratch.ts';
import { openStore, treeOf, type Store } from '../run/store.ts';
import { checkoutAll } from '../run/trees.ts';
import type { ToolOptions, Tools } from './tools.ts';

/** Directories before what is in them: later mounts go on top. */
export function binds({ read = [], write = [], kvm = false }: ToolOptions): Bind[] {
  const files: Bind[] = [
    ...read.map((path) => ({ from: path, to: path })),
    ...write.map((path) => ({ from: path, to: path, writable: true })),
  ];
  const device = kvm ? [{ from: '/dev/kvm', to: '/dev/kvm', writable: true }] : [];
  return [...files.sort((a, b) => a.to.length - b.to.length), ...device];
}

const SYSTEM = '/system';

/** Of a program that runs in a system of its own: nothing else of the sandbox is visible there. */
async function entering(
  inside: string,
  options: ToolOptions,
  scratch: string,
): Promise<Pick<SandboxSpec, 'binds' | 'chroot' | 'cwd' | 'arch'>> {
  const nothing = join(scratch, 'nothing');
  await mkdir(nothing, { recursive: true });
  const system: Bind[] = [
    { from: inside, to: SYSTEM, writable: true },
    { from: nothing, to: '/work' },
  ];
  const { arch } = options;
  return {
    ...{ binds: [...binds(options), ...system], chroot: SYSTEM, cwd: '/' },
    ...(arch !== undefined && isForeign(arch) ? { arch } : {}),
  };
}

/** Programs of a root made of these layers, or of the host's own, each in a sandbox. */
export function sandboxTools(store: Store, root: SandboxSpec['root'], scratch: string): Tools {
  return {
    start: async (argv, options = {}) =>
      startSandbox(
        {
          ...{ store: store.dir, root, argv, binds: binds(options), network: options.network === true },
          ...(options.inside === undefined ? {} : await entering(options.inside, options, scratch)),
          ...(options.env === undefined ? {} : { env: options.env }),
          ...(options.stdio === undefined ? {} : { stdio: options.stdio }),
        },
        scratch,
      ),
  };
}

export interface OpenTools {
  tools: Tools;
  /** To be called when no program of the tools runs any more. */
  close: () => Promise<void>;
}

interface Running {
  emit: Emit;
  signal: AbortSignal;
}

/** The tools of virtual machines. */
export function openVmTools(config: Config, running: Running): Promise<OpenTools> {
  return openTools(config, vmTools(config), running);
}

/** Makes the tree if need be; with `[tools] mode = host`, the host's own programs are taken. */
export async function openTools(
  config: Config,
  { steps, tools: { tools: tree } }: ToolsSteps,
  { emit, signal }: Running,
): Promise<OpenTools> {
  const store = await openStore(defaultStoreDir());
  const plan = { name: 'tools', steps, artifacts: [] };
  const made = tree && (await runPlan(plan, { store, workspace: config.workspace, emit, signal })).get(tree);
  const scratch = await openScratch(store);
  const close = async () => {
    await scratch.release();
    await cleanStale(store);
  };
  try {
    const layers = made && treeOf(made, 'tree')!.layers;
    const root = layers ? await checkoutAll(store, scratch.dir, layers, signal) : 'host';
    return { tools: sandboxTools(store, root, scratch.dir), close };
  } catch (error) {
    await close();
    throw error;
  }
}
