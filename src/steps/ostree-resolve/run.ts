/** Finds out which commit a branch of a remote OSTree repository is at, and that a trusted key signed it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { initRepository, pull, pullSource, REMOTE } from '../../ostree/pull.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject(pullSource);

export default defineStep<z.infer<typeof params>>({
  kind: 'ostree-resolve',
  summary: ({ url, ref }) => `Find the commit of ${ref} at ${url}`,
  params,
  async run(context) {
    const { ref } = context.params;
    await initRepository(context, 'repo');
    await pull(context, { repo: 'repo', what: ref, options: ['--commit-metadata-only'] });
    const argv = ['ostree', '--repo=repo', 'rev-parse', `${REMOTE}:${ref}`];
    const { stdout } = await context.exec({ argv, stdout: 'capture' });
    const commit = stdout.trim();
    context.log(`${ref} is at ${commit}`);
    await writeFile(join(context.work, 'commit'), `${commit}\n`);
    return { files: { commit: 'commit' }, facts: { commit, ref } };
  },
});
