/** A release: compare, publish all files, then the token, then remove what is too old. */
import { join } from 'node:path';
import { OsmithError } from '../errors.ts';
import type { JwtDifference } from '../pattern/index.ts';
import type { Built, SignedBuild, Verify } from './build.ts';
import { decide, type Reason, type ReleasePolicy } from './decide.ts';
import { MARK, pathsOf, tokenFile } from './layout.ts';
import { releaseNotes } from './notes.ts';
import type { Publisher } from './publish/types.ts';
import { missingFiles, readCurrent, readStored, type StoredRelease } from './published.ts';

export interface ReleaseOptions extends Omit<ReleasePolicy, 'now'> {
  build: Built;
  publisher: Publisher;
  verify: Verify;
  /** How many old releases stay, at least 1: machines may be downloading the last one. */
  keep: number;
  /** Only say what would be done. */
  dryRun: boolean;
  /** Publish over a token that does not verify. */
  replaceUnverified: boolean;
  /** Called with each file before it is published. */
  onFile?: ((path: string, size: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface ReleaseReport {
  action: 'nothing' | 'publish';
  reason?: Reason;
  name: string;
  /** The target. */
  place: string;
  /** Of the release, in the target. */
  directory: string;
  difference?: JwtDifference;
  /** Markdown. */
  notes?: string;
  /** Directories of old releases, newest first. */
  kept: string[];
  /** Directories that were removed, or would be. */
  removed: string[];
}

/** Compares a build with what is published and publishes it if it is another one. */
export async function release(options: ReleaseOptions): Promise<ReleaseReport> {
  const { build, publisher, dryRun, keep } = options;
  if (!Number.isInteger(keep) || keep < 1)
    throw new OsmithError('E_USAGE', 'At least one old release must be kept', {
      hint: 'Machines may be downloading the last one while the next is published',
    });
  if (dryRun) return perform(options);
  const lock = await publisher.lock();
  if (lock === undefined)
    throw new OsmithError(
      'E_LOCK',
      `Another release of ${build.manifest.name} to ${publisher.place} is running`,
      { hint: 'Wait until it is done, and run the command again' },
    );
  try {
    return await perform(options);
  } finally {
    await lock.release();
  }
}

async function current({
  build,
  publisher,
  verify,
  replaceUnverified,
}: ReleaseOptions): Promise<SignedBuild | undefined> {
  try {
    return await readCurrent(publisher, build.manifest.name, verify);
  } catch (error) {
    if (!(error instanceof OsmithError) || error.code !== 'E_SIGNATURE') throw error;
    if (replaceUnverified) return undefined;
    throw new OsmithError(error.code, error.message, {
      ...error.details,
      hint: 'What is published there is not yours, was changed, or is signed with another key (--verify-key names several). To replace it nevertheless: --replace-unverified',
    });
  }
}

async function perform(options: ReleaseOptions): Promise<ReleaseReport> {
  const { build, publisher, verify, dryRun, keep } = options;
  const { name } = build.manifest;
  const before = await current(options);
  const missing = before === undefined ? [] : await missingFiles(publisher, before.text, before.manifest);
  const decision = decide(build, before, missing, { ...options, now: verify.now });
  const publishes = decision.action === 'publish';
  // Equal builds have equal files: what is missing is put back for the token that names it.
  const what = publishes && decision.reason !== 'repair' ? build : (before ?? build);
  const { directory } = pathsOf(what.text, what.manifest);
  const notes = publishes ? releaseNotes(build, before, decision.difference) : undefined;
  const stored = withCurrent(await readStored(publisher, name), before);
  if (publishes && !dryRun) await publish(options, what, notes!, stored);
  const { kept, old } = sortStored(stored, directory, keep);
  if (!dryRun) for (const each of old) await remove(publisher, each);
  return {
    ...decision,
    ...{ name, place: publisher.place, directory },
    ...(notes !== undefined && { notes }),
    kept: kept.map((each) => each.directory),
    removed: old.map((each) => each.directory),
  };
}

/** The release that machines see counts as complete even if the token beside its files is gone. */
function withCurrent(stored: StoredRelease[], before: SignedBuild | undefined): StoredRelease[] {
  if (before === undefined) return stored;
  const { directory } = pathsOf(before.text, before.manifest);
  const issued = before.claims.iat ?? 0;
  return stored.map((each) => (each.directory === directory ? { ...each, issued, complete: true } : each));
}

/**
 * Publishes files, then the token beside them, then the one at the root, which makes it the release. Whoever looks into the
 * directory finds a mark as long as something may be missing.
 */
async function publish(
  { build: { dir, text: own, beside }, publisher, onFile, signal }: ReleaseOptions,
  { token, text, manifest }: SignedBuild,
  notes: string,
  stored: StoredRelease[],
): Promise<void> {
  const paths = pathsOf(text, manifest);
  const complete = stored.some((each) => each.complete && each.directory === paths.directory);
  try {
    await publisher.put(paths.inProgress, Buffer.from(MARK));
    // So that what was begun can be told from what is not ours.
    await publisher.put(paths.manifest, Buffer.from(`${text}\n`));
    for (const { path, artifact } of paths.artifacts) {
      signal?.throwIfAborted();
      onFile?.(path, artifact.size);
      await publisher.put(path, { ...artifact, file: join(dir, artifact.name) });
    }
    if (!complete) await publisher.put(paths.notes, Buffer.from(notes));
    // They are about the build, which may equal the published one and yet be of another day.
    if (own === text)
      for (const [name, content] of beside) await publisher.put(`${paths.directory}/${name}`, content);
    signal?.throwIfAborted();
  } catch (error) {
    // Interrupted, it can go on there; otherwise it must not fill the disk.
    if (!complete && signal?.aborted !== true) await remove(publisher, paths).catch(() => {});
    throw error;
  }
  // From here on a failure does not say whether machines see the release: its files stay.
  await publisher.commit(paths.token, Buffer.from(token));
  await publisher.remove([paths.inProgress]);
  await publisher.commit(tokenFile(manifest.name), Buffer.from(token));
}

/** Which old releases stay, and what goes: those beyond `keep`, and what was not finished. */
function sortStored(
  stored: readonly StoredRelease[],
  directory: string,
  keep: number,
): { kept: StoredRelease[]; old: StoredRelease[] } {
  const others = stored
    .filter((each) => each.directory !== directory)
    .sort((a, b) => b.issued - a.issued || (a.directory < b.directory ? 1 : -1));
  const kept = others.filter(({ complete }) => complete).slice(0, keep);
  return { kept, old: others.filter((each) => !kept.includes(each)) };
}

/** The token first, the manifest last: at no time does a token name files that are gone, or is a rest not known as ours. */
async function remove(
  publisher: Publisher,
  { token, artifacts, notes, beside, manifest, inProgress }: Omit<StoredRelease, 'issued' | 'complete'>,
): Promise<void> {
  await publisher.remove([token]);
  await publisher.remove([...artifacts.map(({ path }) => path), notes, ...beside]);
  await publisher.remove([manifest, inProgress]);
}
