/** Makes an OSTree commit of a tree, in a repository of its own. The same tree gives the same commit. */
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { commitArgv, initArchiveArgv } from '../../ostree/ostree.ts';
import { captureArguments } from '../../run/layer/commit.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  ref: z.string(),
  /** The branch that machines follow. */
  refDeploy: z.string(),
  subject: z.string(),
  /** For people; empty: none. */
  version: z.string(),
  /** Names the collection of refs among others, for updates from peers; empty: none. */
  collectionId: z.string(),
  /** Whether the input `parent` has the checksum of the commit before. */
  parent: z.boolean(),
});

export default defineStep<z.infer<typeof params>>({
  kind: 'ostree-commit',
  summary: ({ ref }) => `Commit the tree to OSTree as ${ref}`,
  params,
  async run(context) {
    const { ref, refDeploy, subject, version, collectionId } = context.params;
    await copyFile(join(import.meta.dirname, 'arrange.sh'), join(context.work, 'arrange.sh'));
    const trees = { '/tree': { tree: context.tree('root'), writable: true } };
    context.progress('arranging the tree');
    await context.exec({ argv: ['sh', '/work/arrange.sh', '/tree'], trees });
    context.progress('committing');
    await context.exec({ argv: initArchiveArgv('repo', collectionId) });
    const parent = context.params.parent
      ? (await readFile(context.path('parent'), 'utf8')).trim()
      : undefined;
    const { epoch } = context;
    const alsoAt = refDeploy === ref ? [] : [refDeploy];
    const commit = { repo: '/work/repo', ref, tree: '/tree', subject, version, epoch, parent, alsoAt };
    const { stdout } = await context.exec({ argv: commitArgv(commit), trees, stdout: 'capture' });
    const checksum = stdout.trim();
    context.log(`${ref} is ${checksum}`);
    await context.exec({ argv: captureArguments('/work/repo', epoch), stdout: { file: 'repo.tar' } });
    return {
      trees: { repo: await context.importTar('repo.tar') },
      facts: { commit: checksum, ref, collectionId },
    };
  },
});
