/** Copies a build's artifacts out of the store: all or none, and the last good ones stay until then. */
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { uniqueName } from '../env.ts';
import { isSystemError, OsmithError } from '../errors.ts';
import type { Plan } from '../plan/types.ts';
import { makeDirectory } from './directory.ts';
import { copyFile } from './copy-file.ts';
import { blobPath, type Result, type Store } from './store.ts';

/** Name of the file that says what else is there; a directory with it is one that Osmith may replace. */
const MANIFEST = 'manifest.json';

export interface PlacedArtifact {
  name: string;
  size: number;
  sha256: string;
}

async function entries(dir: string): Promise<string[] | undefined> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw new OsmithError('E_OUT', `Cannot use ${dir} as the output directory: ${(error as Error).message}`, {
      cause: error,
      hint: 'Name another one with --out',
    });
  }
}

/** Puts back the directory that a killed process had moved aside, and removes what it had not finished. */
async function mend(out: string): Promise<void> {
  const siblings = (await entries(dirname(out))) ?? [];
  const left = (kind: string) =>
    siblings
      .filter((name) => name.startsWith(`${basename(out)}.${kind}-`))
      .map((name) => join(dirname(out), name));
  for (const dir of left('old')) {
    if ((await entries(out)) === undefined) await rename(dir, out);
    else await rm(dir, { recursive: true, force: true });
  }
  for (const dir of left('new')) await rm(dir, { recursive: true, force: true });
}

/** Makes good what a killed build left. Refuses a directory that holds something else than a build's artifacts. */
export async function checkOut(out: string): Promise<void> {
  await mend(out);
  const present = await entries(out);
  if (present === undefined || present.length === 0 || present.includes(MANIFEST)) return;
  throw new OsmithError('E_OUT', `${out} holds files that are not a build's artifacts`, {
    hint: 'Name another directory with --out, or empty this one: a build replaces it as a whole',
  });
}

function artifactBlobs(plan: Plan, results: ReadonlyMap<string, Result>): PlacedArtifact[] {
  return plan.artifacts.map(({ name, step, output }) => {
    const blob = results.get(step)?.files[output];
    if (blob === undefined) throw new OsmithError('E_INTERNAL', `${step} made no ${output}`);
    return { name, size: blob.size, sha256: blob.digest };
  });
}

/** Whether the directory has these very artifacts: names, sizes and the time stamp that only we give them. */
async function upToDate(
  store: Store,
  out: string,
  artifacts: PlacedArtifact[],
  epoch: number,
): Promise<boolean> {
  try {
    for (const { name, size, sha256 } of artifacts) {
      const found = await stat(join(out, name));
      if (found.size !== size || found.mtimeMs !== epoch * 1000) return false;
      if (name !== MANIFEST) continue;
      const wanted = await readFile(blobPath(store, sha256));
      if (!wanted.equals(await readFile(join(out, name)))) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** Places the artifacts in `out`. Returns them with whether anything had to be written. */
export async function placeArtifacts(
  store: Store,
  plan: Plan,
  results: ReadonlyMap<string, Result>,
  out: string,
  signal?: AbortSignal,
): Promise<{ artifacts: PlacedArtifact[]; changed: boolean }> {
  const artifacts = artifactBlobs(plan, results);
  const epoch = plan.epoch ?? Math.max(...plan.artifacts.map(({ step }) => results.get(step)!.epoch));
  if (await upToDate(store, out, artifacts, epoch)) return { artifacts, changed: false };
  try {
    await makeDirectory(dirname(out));
    await replace(out, (fresh) => copyAll(store, artifacts, epoch, fresh, signal));
  } catch (error) {
    throw placingError(out, error);
  }
  return { artifacts, changed: true };
}

/** Makes a directory and puts it in the place of another, as nearly at once as the kernel allows. */
async function replace(out: string, fill: (dir: string) => Promise<void>): Promise<void> {
  const fresh = `${out}.new-${uniqueName()}`;
  const old = `${out}.old-${uniqueName()}`;
  try {
    await mkdir(fresh);
    await fill(fresh);
    const replaced = (await entries(out)) !== undefined;
    if (replaced) await rename(out, old);
    await rename(fresh, out);
    if (replaced) await rm(old, { recursive: true, force: true });
  } catch (error) {
    await mend(out);
    throw error;
  }
}

async function copyAll(
  store: Store,
  artifacts: PlacedArtifact[],
  epoch: number,
  dir: string,
  signal?: AbortSignal,
): Promise<void> {
  for (const { name, sha256 } of artifacts) {
    const to = join(dir, name);
    // Disk images are sparse.
    await copyFile(blobPath(store, sha256), to, { sparse: 'always', signal }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw new OsmithError('E_OUT', `Cannot write ${to}: ${(error as Error).message}`);
    });
    await utimes(to, epoch, epoch);
  }
}

function placingError(out: string, error: unknown): unknown {
  const { message } = error as Error;
  if (/ENOSPC|EDQUOT|No space left|quota exceeded/.test(message)) {
    return new OsmithError('E_NO_SPACE', `No space left for the artifacts in ${out}`, {
      cause: error,
      hint: 'Free some space, or name a directory on another file system with --out',
    });
  }
  if (error instanceof OsmithError || !isSystemError(error)) return error;
  const mounted = error.code === 'EBUSY' || error.code === 'EXDEV';
  return new OsmithError('E_OUT', `Cannot write to ${out}: ${message}`, {
    cause: error,
    hint: mounted ? `It is a mount point: name a directory below it` : 'Name another directory with --out',
  });
}
