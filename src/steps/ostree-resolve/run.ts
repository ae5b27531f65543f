/** Finds out which commit a branch of a remote OSTree repository is at, and that a trusted key signed it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { collectionOf, METADATA_REF } from '../../ostree/collection.ts';
import { initRepository, pull, pullSource, REMOTE } from '../../ostree/pull.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject(pullSource);

export default defineStep<z.infer<typeof params>>({
  kind: 'ostree-resolve',
  summary: ({ url, ref }) => `Find the commit of ${ref} at ${url}`,
  params,
  async run(context) {
    const { ref, p2p } = context.params;
    const find = async (name: string) => {
      await pull(context, { repo: 'repo', what: name, options: ['--commit-metadata-only'] });
      const argv = ['ostree', '--repo=repo', 'rev-parse', `${REMOTE}:${name}`];
      return (await context.exec({ argv, stdout: 'capture' })).stdout.trim();
    };
    await initRepository(context, 'repo');
    context.progress('asking the server');
    const commit = await find(ref);
    context.log(`${ref} is at ${commit}`);
    const { collectionId, hasMetadata } = await collectionOf(context, { repo: 'repo', commit, wanted: p2p });
    const metadata = hasMetadata ? await find(METADATA_REF) : '';
    await writeFile(join(context.work, 'commit'), `${commit}\n`);
    return { files: { commit: 'commit' }, facts: { commit, ref, collectionId, metadata } };
  },
});
