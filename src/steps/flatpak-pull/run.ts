/** Fetches what `flatpak-resolve` found: the pinned commits, verified, and files that apps have others send. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { OsmithError } from '../../errors.ts';
import { remoteError } from '../../flatpak/errors.ts';
import { placeName } from '../../flatpak/outcome.ts';
import { runPython } from '../../flatpak/python.ts';
import { pullArgvs, updateRepoArgv } from '../../flatpak/pull.ts';
import { resolution, type Remote, type Resolution, type ResolvedRef } from '../../flatpak/types.ts';
import { keepObjects, lendObjects } from '../../ostree/cache.ts';
import { initArchiveArgv, remoteAddArgv } from '../../ostree/ostree.ts';
import { captureArguments } from '../../run/layer/commit.ts';
import { download } from '../fetch/download.ts';
import { defineStep, type Blob, type StepContext } from '../types.ts';

const params = z.strictObject({});
type Context = StepContext<z.infer<typeof params>>;

const VERIFY = join(import.meta.dirname, '../../flatpak/verify.py');

/** Milliseconds between attempts. */
const DELAYS = [1000, 3000, 8000];

/** Exit code of verify.py for a damaged object. */
const DAMAGED = 3;

async function pullOne(context: Context, remote: Remote, argv: string[]): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await context.exec({ argv });
      return;
    } catch (thrown) {
      if (!(thrown instanceof OsmithError) || thrown.code !== 'E_TOOL') throw thrown;
      const said = (thrown.details.tail ?? []).join('\n');
      const about = placeName(remote.name, 'url');
      const error = remoteError(said, { remote: remote.name, url: remote.url, about });
      const delay = DELAYS[tries];
      if (error.code !== 'E_NETWORK' || delay === undefined) throw error;
      context.log(`${error.message}: trying again in ${delay / 1000} s`);
      await sleep(delay, undefined, { signal: context.signal });
    }
  }
}

async function pullAll(context: Context, { remotes, refs }: Resolution): Promise<void> {
  for (const remote of remotes) {
    const own = refs.filter((ref) => ref.remote === remote.name);
    if (own.length === 0) continue;
    const { name, url, gpgVerify } = remote;
    const keys = gpgVerify ? `/work/${name}.gpg` : undefined;
    if (gpgVerify) await writeFile(join(context.work, `${name}.gpg`), Buffer.from(remote.key, 'base64'));
    await context.exec({
      argv: remoteAddArgv('repo', own[0]!.ref, { name, url, gpgVerify, keys, collectionId: '' }),
    });
    context.progress(`${own.length} refs of ${name}`);
    for (const argv of pullArgvs('repo', name, own)) await pullOne(context, remote, argv);
    await context.exec({ argv: ['ostree', '--repo=repo', 'remote', 'delete', name] });
  }
}

/** The time of the newest commit; undefined if something in the repository is damaged. */
async function verify(context: Context): Promise<number | undefined> {
  context.progress('verifying');
  // Only what is reachable from the refs: not what else the cache had.
  await context.exec({ argv: ['ostree', '--repo=repo', 'prune', '--refs-only', '--depth=0'] });
  const { exitCode, stdout } = await runPython(context, VERIFY, ['repo'], {
    ...{ stdout: 'capture', okCodes: [0, DAMAGED] },
  });
  return exitCode === DAMAGED ? undefined : Number(stdout);
}

/** The repository, with what earlier pulls left of use. */
async function fill(context: Context, resolved: Resolution): Promise<number> {
  const repo = join(context.work, 'repo');
  await context.exec({ argv: initArchiveArgv('repo', '') });
  await lendObjects(context.store, repo);
  try {
    await pullAll(context, resolved);
  } finally {
    await keepObjects(context.store, repo);
  }
  const newest = await verify(context);
  if (newest !== undefined) return newest;
  context.log('the cache is damaged: fetching everything');
  await rm(repo, { recursive: true });
  await context.exec({ argv: initArchiveArgv('repo', '') });
  await pullAll(context, resolved);
  const fresh = await verify(context);
  if (fresh !== undefined) return fresh;
  throw new OsmithError('E_SIGNATURE', 'What was fetched is damaged', {
    hint: 'A server or a proxy alters files, or this machine does: check its memory and disk',
  });
}

async function fetchExtraData(context: Context, refs: readonly ResolvedRef[]): Promise<Record<string, Blob>> {
  const set: Record<string, Blob> = {};
  for (const { ref, extraData } of refs) {
    for (const { uri, size, sha256 } of extraData) {
      if (await context.has(sha256, size)) {
        set[sha256] = { digest: sha256, size };
        continue;
      }
      context.progress(`what ${ref} has sent from ${new URL(uri).host}`);
      await download({ url: uri, to: join(context.work, sha256), size, sha256 }, context.signal);
      set[sha256] = await context.keep(sha256);
    }
  }
  return set;
}

/** Commits of which a part is there count as whole from here on: no more of them is ever wanted. */
async function forgetPartial(repo: string): Promise<void> {
  for (const name of await readdir(join(repo, 'state'))) await rm(join(repo, 'state', name));
}

export default defineStep<z.infer<typeof params>>({
  kind: 'flatpak-pull',
  summary: () => 'Fetch Flatpak apps',
  params,
  async run(context) {
    const resolved = resolution.parse(JSON.parse(await readFile(context.path('apps'), 'utf8')));
    const epoch = await fill(context, resolved);
    const extra = await fetchExtraData(context, resolved.refs);
    await forgetPartial(join(context.work, 'repo'));
    await context.exec({ argv: updateRepoArgv('repo') });
    context.progress('storing');
    await context.exec({ argv: captureArguments('/work/repo', epoch), stdout: { file: 'repo.tar' } });
    return { trees: { repo: await context.importTar('repo.tar') }, sets: { extra }, epoch };
  },
});
