/** What listings of images are read with. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import type { ReadContext } from '../diff/read.ts';
import { defaultStoreDir } from '../env.ts';
import { hostArch, toolsSteps } from '../plan/tools.ts';
import type { Emit } from '../report/events.ts';
import { openScratch } from '../run/scratch.ts';
import { openStore } from '../run/store.ts';
import { openTools, type OpenTools } from '../vm/sandbox-tools.ts';
import { interruption } from './signals.ts';

/** The programs are those that the configuration chooses, made ready when the first of them is needed. */
export async function withReadContext<T>(
  load: () => Config,
  emit: Emit,
  use: (context: ReadContext) => Promise<T>,
): Promise<T> {
  const scratch = await openScratch(await openStore(defaultStoreDir()), interruption);
  let tools: Promise<OpenTools> | undefined;
  const context = {
    tools: async () => {
      const config = load();
      tools ??= openTools(config, toolsSteps(config, hostArch()), { emit, signal: interruption });
      return (await tools).tools;
    },
    scratch: () => mkdtemp(join(scratch.dir, 'diff-')),
  };
  try {
    return await use(context);
  } finally {
    await (await tools?.catch(() => undefined))?.close();
    await scratch.release();
  }
}
