/** Deploys an OSTree commit into a fresh sysroot: what the root file system of a disk holds. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { seededUuid } from '../../disk/ids.ts';
import { OsmithError } from '../../errors.ts';
import { ADMIN_ENV, deployArgv, initSysrootArgvs } from '../../ostree/admin.ts';
import { METADATA_REF } from '../../ostree/collection.ts';
import { failure } from '../../ostree/errors.ts';
import {
  catArgv,
  pullLocalArgv,
  refsArgv,
  remoteAddArgv,
  setRefArgv,
  showArgv,
} from '../../ostree/ostree.ts';
import { commitDate, osVersion } from '../../ostree/show.ts';
import { captureArguments } from '../../run/layer/commit.ts';
import { defineStep } from '../types.ts';

const remote = z.strictObject({
  name: z.string(),
  url: z.string(),
  /** Whether the running system takes signed commits only. */
  gpgVerify: z.boolean(),
  /** Whether the input `keys` has the public keys that sign them. */
  keys: z.boolean(),
  /** Whether it takes updates from peers too: of the same collection of branches. */
  p2p: z.boolean(),
});

const params = z.strictObject({
  os: z.string(),
  ref: z.string(),
  /** The branch that the running system follows. */
  refDeploy: z.string(),
  /** Where the running system finds newer commits; null: nowhere. */
  remote: remote.nullable(),
  /** Words of the kernel command line. */
  kargs: z.array(z.string()),
});

const SYSROOT = '/work/sysroot';
const REPO = `${SYSROOT}/ostree/repo`;

/** A signature that is missing here was not made by a key of ours. */
function refusal(error: unknown, url: string, ref: string): unknown {
  const { error: clear } = failure(error, { url, ref });
  if (!(clear instanceof OsmithError) || clear.code !== 'E_SIGNATURE') return clear;
  return new OsmithError(
    'E_SIGNATURE',
    `The commit of ${ref} is not signed by a key of ostree.keys: the system would refuse it as an update`,
    { ...clear.details, hint: 'Add the public key of ostree.signing_key to the file of ostree.keys' },
  );
}

export default defineStep<z.infer<typeof params>>({
  kind: 'ostree-deploy',
  summary: ({ os, ref }) => `Deploy ${ref} for ${os}`,
  params,
  async run(context) {
    const { os, ref, refDeploy, remote: follows, kargs } = context.params;
    const { commit, collectionId } = context.facts('repo') as Record<'commit' | 'collectionId', string>;
    const trees = { '/repo': { tree: context.tree('repo') } };
    const exec = (argv: readonly string[]) => context.exec({ argv, trees, env: ADMIN_ENV });
    const ask = async (argv: readonly string[]) =>
      (await context.exec({ argv, trees, stdout: 'capture', okCodes: [0, 1] })).stdout;
    await mkdir(join(context.work, 'sysroot', 'boot'), { recursive: true });
    for (const argv of initSysrootArgvs(SYSROOT, os)) await exec(argv);
    const name = follows?.name;
    const peers = follows?.p2p === true ? collectionId : '';
    if (follows !== null) {
      const keys = follows.keys ? '/in/keys' : undefined;
      await exec(remoteAddArgv(REPO, refDeploy, { ...follows, keys, collectionId: peers }));
    }
    const copy = (what: string) =>
      exec(pullLocalArgv({ repo: REPO, from: '/repo', remote: follows ?? undefined, what }));
    context.progress('copying the commit');
    try {
      await copy(commit);
    } catch (error) {
      throw refusal(error, follows?.url ?? '', ref);
    }
    if (peers !== '' && (await ask(refsArgv('/repo'))).split('\n').includes(METADATA_REF)) {
      await copy(METADATA_REF);
    }
    await exec(setRefArgv(REPO, name === undefined ? refDeploy : `${name}:${refDeploy}`, commit));
    context.progress('deploying');
    const uuid = seededUuid(context.seed, 'root');
    const words = [`root=UUID=${uuid}`, ...kargs];
    await exec(deployArgv({ sysroot: SYSROOT, os, remote: name, ref: refDeploy, kargs: words }));
    const shown = await ask(showArgv(REPO, commit, name));
    await writeFile(join(context.work, 'ostree.txt'), `Branch ${ref}\n${shown}`);
    const osRelease =
      (await ask(catArgv(REPO, commit, '/usr/lib/os-release'))) ||
      (await ask(catArgv(REPO, commit, '/usr/etc/os-release')));
    await context.exec({
      argv: captureArguments(SYSROOT, context.epoch),
      stdout: { file: 'sysroot.tar' },
    });
    const ostree = {
      ...{ remote: name ?? null, ref: refDeploy, url: follows?.url ?? null, os, commit },
      ...{ version: osVersion(osRelease), date: commitDate(shown), 'collection-id': peers || null },
    };
    const immutable = [`/ostree/deploy/${os}/deploy/${commit}.0`];
    return {
      trees: { sysroot: await context.importTar('sysroot.tar') },
      files: { description: 'ostree.txt' },
      facts: { uuid, commit, immutable, ostree },
    };
  },
});
