/** The tools of virtual machines out of the VM tools tree: made when first needed, run in the engine's sandbox. */
import type { Config } from '../config/index.ts';
import { defaultStoreDir } from '../env.ts';
import { vmToolsPlan } from '../plan/tools.ts';
import type { Emit } from '../report/events.ts';
import { startSandbox, type Bind, type SandboxSpec } from '../run/sandbox.ts';
import { runPlan } from '../run/scheduler.ts';
import { cleanStale, openScratch } from '../run/scratch.ts';
import { openStore, type Store } from '../run/store.ts';
import { checkout } from '../run/trees.ts';
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

/** Programs of a root made of these layers, or of the host's own, each in a sandbox. */
export function sandboxTools(store: Store, root: SandboxSpec['root'], scratch: string): Tools {
  return {
    start: (argv, options = {}) =>
      startSandbox(
        {
          ...{ store: store.dir, root, argv, binds: binds(options), network: options.network === true },
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

/** Makes the VM tools tree if need be; with `[tools] mode = host`, the host's own programs are taken. */
export async function openVmTools(
  config: Config,
  { emit, signal }: { emit: Emit; signal: AbortSignal },
): Promise<OpenTools> {
  const store = await openStore(defaultStoreDir());
  const plan = config.get('tools', 'mode') === 'host' ? undefined : vmToolsPlan(config);
  const results = plan && (await runPlan(plan, { store, workspace: config.workspace, emit, signal }));
  const scratch = await openScratch(store);
  const close = async () => {
    await scratch.release();
    await cleanStale(store);
  };
  try {
    const layers = results?.get('init/tree')?.trees['tree']?.layers;
    const unpacked = layers?.map(({ digest }) => checkout(store, scratch.dir, digest));
    const root = unpacked === undefined ? 'host' : await Promise.all(unpacked);
    return { tools: sandboxTools(store, root, scratch.dir), close };
  } catch (error) {
    await close();
    throw error;
  }
}
