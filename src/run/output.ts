/** Brings what a step made into the store. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OsmithError } from '../errors.ts';
import type { Blob, StepOutput } from '../steps/types.ts';
import type { Environment, Job } from './context.ts';
import { holdsSecret } from './credentials.ts';
import { addBlob, blobPath, type Result, type Store } from './store.ts';

/** Every file that outlives a step goes through here: none may hold a credential of the step. */
export async function keepFile(store: Store, { secrets }: Job, file: string, what: string): Promise<Blob> {
  if (!(await holdsSecret(file, secrets))) return addBlob(store, file);
  throw new OsmithError('E_HOOK', `${what} holds a secret of its credentials; none of it was kept`, {
    hint: 'Do not write credentials to files that outlive the step',
  });
}

/** Turns what a step returned into a stored result. */
export async function storeOutput(
  { store }: Environment,
  job: Job,
  output: StepOutput,
  ms: number,
): Promise<Result> {
  const keep = async (output: string | Blob, what: string) =>
    typeof output === 'string' ? keepFile(store, job, join(job.dir, 'work', output), what) : output;
  const result: Result = {
    ...{ key: job.key, files: {}, sets: {}, trees: {}, facts: output.facts ?? {} },
    ...{ epoch: output.epoch ?? job.epoch, ms },
  };
  for (const [name, path] of Object.entries(output.files ?? {})) {
    result.files[name] = await keep(path, `its output ${name}`);
  }
  for (const [name, set] of Object.entries(output.sets ?? {})) {
    const blobs: Record<string, Blob> = {};
    for (const [entry, value] of Object.entries(set)) {
      blobs[entry] = await keep(value, `${entry} of its output ${name}`);
    }
    result.sets[name] = blobs;
  }
  for (const [name, tree] of Object.entries(output.trees ?? {})) {
    const layers = tree.layers.map(async (digest) => ({
      digest,
      size: (await stat(blobPath(store, digest))).size,
    }));
    result.trees[name] = { layers: await Promise.all(layers) };
  }
  return result;
}
