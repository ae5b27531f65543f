/** What live images are changed with, made ready while it is still being found out what there is to change. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { uniqueName } from '../env.ts';
import type { Store } from '../run/store.ts';
import type { Tools } from '../vm/tools.ts';
import { openDebugfs, type WaitingDebugfs } from './debugfs.ts';
import type { HeldImage } from './held.ts';
import { openReaders, type Readers } from './readers.ts';

export interface LiveContext {
  store: Store;
  scratch: string;
  /** Made ready meanwhile. */
  tools: Promise<Tools>;
  signal: AbortSignal;
}

export interface Workshop {
  /** For new contents. */
  dir: string;
  debugfs: Promise<WaitingDebugfs>;
  readers: Readers;
  close: () => Promise<void>;
}

export async function openWorkshop(
  { copy }: HeldImage,
  { store, scratch, tools }: LiveContext,
): Promise<Workshop> {
  const dir = join(scratch, uniqueName());
  await mkdir(dir);
  const read = [dir, join(store.dir, 'blobs')];
  const debugfs = tools.then((ready) => openDebugfs(ready, { image: copy, read }));
  debugfs.catch(() => {}); // told to who waits for it
  const readers = openReaders();
  const close = async () => {
    (await debugfs.catch(() => undefined))?.close();
    await Promise.all([readers.close(), rm(dir, { recursive: true, force: true })]);
  };
  return { dir, debugfs, readers, close };
}
