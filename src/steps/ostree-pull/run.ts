/** Fetches the commit that `ostree-resolve` found into a repository of its own. */
import { join } from 'node:path';
import { z } from 'zod';
import { METADATA_REF } from '../../ostree/collection.ts';
import { keepObjects, lendObjects } from '../../ostree/cache.ts';
import { initRepository, pull, pullSource } from '../../ostree/pull.ts';
import { captureArguments } from '../../run/layer/commit.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject(pullSource);

export default defineStep<z.infer<typeof params>>({
  kind: 'ostree-pull',
  summary: ({ url, ref }) => `Pull ${ref} from ${url}`,
  params,
  async run(context) {
    const { ref } = context.params;
    // As `ostree-resolve` found them.
    const { commit, collectionId, metadata } = context.facts('commit') as Record<
      'commit' | 'collectionId' | 'metadata',
      string
    >;
    const mirror = (what: string) => pull(context, { repo: 'repo', what, options: ['--mirror'] });
    const repo = join(context.work, 'repo');
    await initRepository(context, 'repo');
    await lendObjects(context.store, repo);
    try {
      context.progress('fetching what is not here yet');
      await mirror(`${ref}@${commit}`);
      if (metadata !== '') await mirror(`${METADATA_REF}@${metadata}`);
    } finally {
      await keepObjects(context.store, repo);
    }
    await context.exec({ argv: ['ostree', '--repo=repo', 'fsck', '--quiet'] });
    // Only what is reachable from the commit: not what else the cache had.
    await context.exec({ argv: ['ostree', '--repo=repo', 'prune', '--refs-only', '--depth=0'] });
    await context.exec({ argv: ['ostree', '--repo=repo', 'remote', 'delete', 'source'] });
    await context.exec({
      argv: captureArguments('/work/repo', context.epoch),
      stdout: { file: 'repo.tar' },
    });
    return { trees: { repo: await context.importTar('repo.tar') }, facts: { commit, ref, collectionId } };
  },
});
