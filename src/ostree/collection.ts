/**
 * Collections: names for all branches of one maker, by which machines know them whoever hands them on. The summary of a
 * repository names its collection, but often nobody signed that; commits name theirs too.
 */
import { OsmithError } from '../errors.ts';
import type { StepContext } from '../steps/types.ts';
import { remoteArgv, remotely, type Source } from './pull.ts';

/** A branch of repositories with a collection: the summary as a commit, which is signed and handed on like any other. */
export const METADATA_REF = 'ostree-metadata';

export interface Collection {
  /** Empty: none. */
  collectionId: string;
  hasMetadata: boolean;
}

/** What `ostree remote summary` prints of it. */
export function parseSummary(text: string): Collection {
  const collectionId = /^Collection ID \(ostree\.summary\.collection-id\): (\S+)$/m.exec(text)?.[1] ?? '';
  const hasMetadata = text.split('\n').some((line) => line === `* (${collectionId}, ${METADATA_REF})`);
  return { collectionId, hasMetadata };
}

const KEY = 'ostree.collection-binding';

/** The collection of a commit that has been pulled. Throws when the commit and the summary disagree: machines would refuse it. */
export async function collectionOf(
  context: StepContext<Source>,
  { repo, commit, wanted }: { repo: string; commit: string; wanted: boolean },
): Promise<Collection> {
  const none = { collectionId: '', hasMetadata: false };
  if (!wanted) return none;
  const found = parseSummary(await summary(context, repo));
  if (found.collectionId === '') return none;
  const argv = ['ostree', `--repo=${repo}`, 'show', `--print-metadata-key=${KEY}`, commit];
  const { stdout } = await context.exec({ argv, stdout: 'capture', okCodes: [0, 1] });
  const bound = stdout.trim().replaceAll("'", '');
  if (bound === found.collectionId) return found;
  throw new OsmithError(
    'E_SIGNATURE',
    `The summary of ${context.params.url} says the collection ${found.collectionId}, the commit says ${bound || 'none'}`,
    {
      hint: 'The repository is inconsistent; ostree.enable_p2p_updates = false builds without the collection',
    },
  );
}

/** Repositories need no summary; then they have no collection either. */
async function summary(context: StepContext<Source>, repo: string): Promise<string> {
  try {
    return await remotely(context, remoteArgv(repo, 'summary'));
  } catch (error) {
    if (error instanceof OsmithError && error.details.tail?.some((line) => /has no summary/.test(line)))
      return '';
    throw error;
  }
}
