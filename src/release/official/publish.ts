/**
 * Releases builds of containers as a Docker official image: one commit without history in a git repository, a tag, the
 * library file that names them, and a proposal to the official-images repository. Everything is made and checked in a
 * directory of this machine before anything is pushed.
 */
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '../../env.ts';
import { isSystemError, OsmithError } from '../../errors.ts';
import type { Check } from '../verify-types.ts';
import { openContainerBuild, type ContainerBuild } from './build.ts';
import { commitFiles, type ReleaseVariant } from './commit-files.ts';
import { checkTag, initRepository, makeCommit, pushCommit, remoteRefs } from './commit.ts';
import { gitTag, libraryOf, stampOf, type Released } from './entries.ts';
import { git, type GitOptions } from './git.ts';
import { fieldOf, parseLibrary } from './library.ts';
import { lintOfficial } from './lint.ts';
import { pullRequestText } from './notes.ts';
import {
  libraryPath,
  openPullRequest,
  pushProposal,
  readBase,
  type Base,
  type Proposal,
} from './proposal.ts';
import { checkBranch, withRepository } from './refs.ts';
import { hasPassword, type OfficialSettings, type VariantNames } from './settings.ts';

/** In the directory that is handed over. */
export const REPOSITORY = 'repository.git';
const PULL_REQUEST = 'pull-request.md';

export interface OfficialRequest {
  builds: { dir: string; names: VariantNames }[];
  settings: OfficialSettings;
  /** Address that git pushes to. */
  repository: string;
  /** Where library file, text and repository are left. */
  out: string;
  /** Push nothing. */
  dryRun: boolean;
  signal?: AbortSignal | undefined;
}

export interface OfficialReport extends Released {
  branch: string;
  files: { path: string; size: number }[];
  /** Path of the library file. */
  library: string;
  text: string;
  pullRequest: string;
  checks: Check[];
  /** Whether the repository got it now; false: it had it already, or nothing is to be pushed. */
  pushed: boolean;
  /** What became of the proposal; absent: there is no fork. */
  proposal?: 'pushed' | 'the same already' | { opened: string };
}

/** Empties a directory that has what an earlier run left. */
async function freshDirectory(out: string): Promise<void> {
  const there = await readdir(out).catch((error: unknown) => {
    if (isSystemError(error) && error.code === 'ENOENT') return [];
    throw new OsmithError('E_OUT', `Cannot use ${out}: ${(error as Error).message}`, { cause: error });
  });
  const foreign = there.filter((name) => ![REPOSITORY, PULL_REQUEST, 'library'].includes(name));
  if (foreign.length > 0)
    throw new OsmithError('E_OUT', `${out} holds something else: ${foreign[0]}`, {
      hint: 'Name another directory with --handover, or empty this one',
    });
  for (const name of there) await rm(join(out, name), { recursive: true });
  await mkdir(join(out, 'library'), { recursive: true });
  await mkdir(join(out, REPOSITORY));
}

/** Builds of one variant are one image for several architectures. */
function variantsOf(builds: readonly { build: ContainerBuild; names: VariantNames }[]): ReleaseVariant[] {
  const groups = Map.groupBy(builds, ({ names }) => names.variant);
  return [...groups].map(([variant, group]) => {
    const own = group.map(({ build }) => build).sort((a, b) => (a.arch < b.arch ? -1 : 1));
    const twice = own.find(({ arch }, index) => own[index + 1]?.arch === arch);
    if (twice !== undefined)
      throw new OsmithError('E_USAGE', `Two builds are of the variant ${variant} for ${twice.arch}`, {
        hint: 'Name each build once with --out; personalities have different official.variant',
      });
    return { variant, tags: group[0]!.names.tags, builds: own };
  });
}

function released(builds: readonly ContainerBuild[], { tagFormat }: OfficialSettings) {
  const epoch = Math.max(...builds.map(({ manifest }) => manifest.epoch));
  const versions = [...new Set(builds.map(({ version }) => version))];
  if (tagFormat === 'version' && versions.length > 1)
    throw new OsmithError('E_RELEASE', `The builds have different versions: ${versions.join(', ')}`, {
      hint: 'Build all of them with the same container.version',
    });
  const stamp = stampOf(tagFormat, epoch, versions[0]!);
  return { epoch, stamp, tag: gitTag(tagFormat, stamp) };
}

async function sizesOf(files: ReadonlyMap<string, string | Buffer>): Promise<OfficialReport['files']> {
  return Promise.all(
    [...files].map(async ([path, content]) => ({
      path,
      size: Buffer.isBuffer(content) ? content.length : (await stat(content)).size,
    })),
  );
}

/** Commits of earlier releases that the library file still names, for the check of all that it says. */
async function fetchKept(text: string, url: string, own: GitOptions, have: string): Promise<void> {
  const { library } = parseLibrary(text, 'library');
  const refs = new Set(library.entries.map((entry) => fieldOf(library, entry, 'GitFetch')!.value));
  refs.delete(have);
  for (const ref of refs) await git(['fetch', '--quiet', '--no-tags', '--', url, `${ref}:${ref}`], own);
}

/** Throws E_RELEASE with everything that the lint found. */
function throwWrong(checks: readonly Check[]): void {
  const wrong = checks
    .filter(({ ok }) => !ok)
    .map(({ file, what, detail }) => new OsmithError('E_RELEASE', `${what} ${file}: ${detail}`));
  const [first, ...also] = wrong;
  if (first === undefined) return;
  throw new OsmithError(first.code, first.message, {
    hint: 'Nothing was pushed: official images must keep these rules',
    ...(also.length > 0 && { also }),
  });
}

/** Makes, checks and pushes a release. */
export async function releaseOfficial(request: OfficialRequest): Promise<OfficialReport> {
  const { repository, signal } = request;
  if (hasPassword(repository))
    throw new OsmithError('E_USAGE', 'The address of the repository has a password in it', {
      hint: 'Let git have it from a credential helper: gitcredentials(7)',
    });
  const work = await mkdtemp(join(tempDir(), 'osmith-official-'));
  try {
    return await withRepository((fork) => perform(request, work, fork), signal);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function perform(
  { builds: named, settings, repository, out, dryRun, signal }: OfficialRequest,
  work: string,
  forkRepository: GitOptions,
): Promise<OfficialReport> {
  const builds = await Promise.all(
    named.map(async ({ dir, names }) => ({ names, build: await openContainerBuild(dir, work, signal) })),
  );
  const variants = variantsOf(builds);
  const { epoch, stamp, tag } = released(
    builds.map(({ build }) => build),
    settings,
  );
  const files = await commitFiles(variants, settings, stamp);
  const branch = `refs/heads/${settings.branch}`;
  await freshDirectory(out);
  const own = await initRepository(join(out, REPOSITORY), signal);
  const message = `${settings.name} ${stamp}\n`;
  const commit = await makeCommit({ files, epoch, message, author: settings.author }, own);
  const refs = await remoteRefs(repository, own);
  const isThere = refs.get(tag) === commit;
  if (!isThere) checkTag(tag, repository, refs);
  await checkBranch(repository, branch, refs, signal);
  const base: Base | undefined =
    settings.fork && (await readBase(settings.fork, settings.name, forkRepository));
  for (const ref of [branch, tag]) await git(['update-ref', ref, commit], own);
  const done = { commit, tag, stamp };
  const text = libraryOf(variants, settings, done, base?.library);
  const library = join(out, libraryPath(settings.name));
  await writeFile(library, text);
  await fetchKept(text, repository, own, tag);
  const checks = await lintOfficial(text, libraryPath(settings.name), own);
  const pullRequest = join(out, PULL_REQUEST);
  await writeFile(pullRequest, pullRequestText(variants, settings, done, checks));
  throwWrong(checks);
  const report: OfficialReport = {
    ...{ ...done, branch, files: await sizesOf(files), library, text, pullRequest, checks, pushed: false },
  };
  if (dryRun) return report;
  if (!isThere) await pushCommit({ url: repository, commit, branch, tag, refs }, own);
  const pushed = { ...report, pushed: !isThere };
  if (settings.fork === undefined || base === undefined) return pushed;
  if (base.library === text.trimEnd()) return { ...pushed, proposal: 'the same already' };
  const proposal: Proposal = { fork: settings.fork, base, settings, text, stamp, epoch };
  await pushProposal(proposal, forkRepository);
  if (settings.fork.upstream === '') return { ...pushed, proposal: 'pushed' };
  const opened = await openPullRequest(proposal, pullRequest, signal);
  return { ...pushed, proposal: opened === undefined ? 'pushed' : { opened } };
}
