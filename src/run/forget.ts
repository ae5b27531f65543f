/** Takes results out of the store that nobody can ask for again. */
import { rm } from 'node:fs/promises';
import { blobPath, resultBlobs, resultPath, type Result, type Store } from './store.ts';

/** What they hold must be theirs alone. */
export async function forgetResults(store: Store, results: readonly Result[]): Promise<void> {
  for (const result of results) {
    await rm(resultPath(store, result.key), { force: true });
    for (const { digest } of resultBlobs(result)) await rm(blobPath(store, digest), { force: true });
  }
}
