/** From the files of a composition to the items of its tar: what they name is fetched, or built on the way. */
import type { Composition } from '../compose/composition.ts';
import { prepare } from '../compose/prepare.ts';
import type { Item } from '../compose/items.ts';
import { openLayout } from '../oci/layout.ts';
import type { Puller } from '../oci/pull.ts';
import type { StoredImage } from '../oci/stored.ts';
import { parseMirror, registrySource } from '../oci/registry.ts';
import type { Emit } from '../report/events.ts';
import { lazyScratch } from '../run/scratch.ts';
import type { Store } from '../run/store.ts';
import {
  checkLock,
  joinedLocks,
  lockFileOf,
  pinBy,
  readLock,
  tagKey,
  type LockFile,
} from '../template/lock.ts';
import { readInput, type ComposeInput } from './compose-inputs.ts';
import { isTemplate, renderTemplateFile, type KnobOptions } from './knobs.ts';
import { interruption } from './signals.ts';

export interface ItemOptions {
  arch: string;
  layout: string[];
  mirror: string[];
  pull?: boolean;
  inputTar?: string;
  decompressKernel?: boolean;
  sbom: boolean;
  sbomOutput: string;
}

/** Reads the files and their lock files; templates are rendered. Throws E_COMPOSE, E_DRIFT and what rendering throws. */
export async function readInputs(
  files: readonly string[],
  knobs: KnobOptions,
  arch: string,
): Promise<{ inputs: ComposeInput[]; locks: LockFile[] }> {
  const inputs: ComposeInput[] = [];
  const locks: LockFile[] = [];
  for (const file of files) {
    const lock = await readLock(lockFileOf(file));
    if (lock !== undefined) locks.push(lock);
    if (isTemplate(file)) {
      const { text, tags } = await renderTemplateFile(file, knobs, arch);
      if (lock !== undefined)
        checkLock(
          lock,
          [...tags].map(([name, value]) => ({ key: tagKey(name), value })),
        );
      inputs.push({ file, text });
    } else inputs.push(await readInput(file));
  }
  return { inputs, locks };
}

/** What the lock files say of images, if there are any. */
export function pinOf(locks: readonly LockFile[]): Puller['pin'] {
  return locks.length > 0 ? pinBy(joinedLocks(locks)) : undefined;
}

interface ItemsRequest {
  store: Store;
  /** What it recorded is taken before registries are asked. */
  recorded?: Store | undefined;
  emit: Emit;
  pin: Puller['pin'];
  /** Builds the packages that are named. */
  build: (puller: Puller) => Promise<Map<string, StoredImage>>;
}

export async function buildItems(
  composition: Composition,
  options: ItemOptions,
  { store, recorded, emit, pin, build }: ItemsRequest,
): Promise<Item[]> {
  const layouts = await Promise.all(options.layout.map((dir) => openLayout(dir)));
  const mirrors = options.mirror.map(parseMirror);
  const scratch = lazyScratch(store, interruption);
  try {
    const puller: Puller = {
      store,
      arch: options.arch,
      layouts,
      registry: registrySource({ mirrors, signal: interruption }),
      recorded,
      refresh: options.pull === true,
      scratch: scratch.dir,
      onFetch: ({ full }, from) => emit({ type: 'note', text: `${full} from ${from}` }),
    };
    const built = await build(puller);
    const pinned: Puller = { ...puller, built, ...(pin && { pin }) };
    return await prepare(composition, pinned, {
      decompress: options.decompressKernel === true,
      sbom: options.sbom ? options.sbomOutput : undefined,
      inputTar: options.inputTar,
    });
  } finally {
    await scratch.release();
  }
}
