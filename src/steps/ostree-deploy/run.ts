/** Deploys an OSTree commit into a fresh sysroot: what the root file system of a disk holds. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { seededUuid } from '../../disk/ids.ts';
import { ADMIN_ENV, deployArgv, initSysrootArgvs } from '../../ostree/admin.ts';
import { pullLocalArgv, remoteAddArgv } from '../../ostree/ostree.ts';
import { captureArguments } from '../../run/layer/commit.ts';
import { defineStep } from '../types.ts';

const remote = z.strictObject({
  name: z.string(),
  url: z.string(),
  /** Whether the running system takes signed commits only. */
  gpgVerify: z.boolean(),
  /** Whether the input `keys` has the public keys that sign them. */
  keys: z.boolean(),
  collectionId: z.string(),
});

const params = z.strictObject({
  os: z.string(),
  ref: z.string(),
  /** Where the running system finds newer commits of the ref; null: nowhere. */
  remote: remote.nullable(),
  /** Words of the kernel command line. */
  kargs: z.array(z.string()),
});

export default defineStep<z.infer<typeof params>>({
  kind: 'ostree-deploy',
  summary: ({ os, ref }) => `Deploy ${ref} for ${os}`,
  params,
  async run(context) {
    const { os, ref, remote: follows, kargs } = context.params;
    const { commit = null } = context.facts('repo');
    const trees = { '/repo': { tree: context.tree('repo') } };
    const exec = (argv: readonly string[]) => context.exec({ argv, trees, env: ADMIN_ENV });
    await mkdir(join(context.work, 'sysroot', 'boot'), { recursive: true });
    for (const argv of initSysrootArgvs('/work/sysroot', os)) await exec(argv);
    const repo = '/work/sysroot/ostree/repo';
    const name = follows?.name;
    if (follows !== null) {
      await exec(remoteAddArgv(repo, ref, { ...follows, keys: follows.keys ? '/in/keys' : undefined }));
    }
    context.progress('copying the commit');
    await exec(pullLocalArgv({ repo, from: '/repo', remote: name, ref }));
    context.progress('deploying');
    const uuid = seededUuid(context.seed, 'root');
    const words = [`root=UUID=${uuid}`, ...kargs];
    await exec(deployArgv({ sysroot: '/work/sysroot', os, remote: name, ref, kargs: words }));
    await context.exec({
      argv: captureArguments('/work/sysroot', context.epoch),
      stdout: { file: 'sysroot.tar' },
    });
    return { trees: { sysroot: await context.importTar('sysroot.tar') }, facts: { uuid, commit } };
  },
});
