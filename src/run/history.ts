/** What went into each step's key in the last build: lets `plan` say why a step will run and how long it may take. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan, Step } from '../plan/types.ts';
import { fileName, type KeyParts } from './key.ts';
import { writeAtomic, type Store } from './store.ts';

export interface LastRun {
  key: string;
  parts: KeyParts;
  /** Milliseconds. */
  ms: number;
}

function path(store: Store, plan: Plan, step: Step): string {
  return join(store.dir, 'last', fileName(plan.variant ?? plan.name), `${fileName(step.id)}.json`);
}

export async function rememberParts(store: Store, plan: Plan, step: Step, last: LastRun): Promise<void> {
  if ((await lastRun(store, plan, step))?.key === last.key) return;
  // Where it cannot be written, only an explanation is lost.
  await writeAtomic(path(store, plan, step), JSON.stringify(last)).catch(() => {});
}

/** Before something is done that would make the record wrong if it were not finished. */
export async function forgetRun(store: Store, plan: Plan, step: Step): Promise<void> {
  await rm(path(store, plan, step), { force: true });
}

export async function lastRun(store: Store, plan: Plan, step: Step): Promise<LastRun | undefined> {
  try {
    return JSON.parse(await readFile(path(store, plan, step), 'utf8')) as LastRun;
  } catch {
    return undefined; // never built here, or unreadable
  }
}

/** The keys of all steps that are remembered, by the file name of the step. */
export async function rememberedKeys(store: Store): Promise<{ file: string; key: string }[]> {
  const dir = join(store.dir, 'last');
  const files = await readdir(dir, { recursive: true, withFileTypes: true });
  const texts = files
    .filter((file) => file.isFile() && file.name.endsWith('.json'))
    .map(async ({ parentPath, name }) => ({
      file: name.slice(0, -'.json'.length),
      key: (JSON.parse(await readFile(join(parentPath, name), 'utf8')) as LastRun).key,
    }));
  return Promise.all(texts);
}
