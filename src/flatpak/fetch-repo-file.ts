/** Fetches the .flatpakrepo file of a remote. */
import { OsmithError } from '../errors.ts';
import { placeName } from './outcome.ts';
import { parseRepoFile, type RepoFile } from './repo-file.ts';
import type { WantedRemote } from './types.ts';

/** Such files have a few kilobytes. */
const LARGEST = 1_000_000;
/** Milliseconds. */
const PATIENCE = 60_000;

export async function readRepoFile({ name, repoFile }: WantedRemote, signal: AbortSignal): Promise<RepoFile> {
  const about = placeName(name, 'repo_file');
  let text: string;
  try {
    const response = await fetch(repoFile, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
    });
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    text = await response.text();
  } catch (cause) {
    signal.throwIfAborted();
    const reason = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message;
    throw new OsmithError('E_NETWORK', `Cannot download ${repoFile}: ${reason}`, {
      ...{ cause, about },
      hint: 'Check the network, the proxy variables and the URL',
    });
  }
  const parsed = text.length > LARGEST ? undefined : parseRepoFile(text);
  if (parsed !== undefined) return parsed;
  throw new OsmithError('E_FLATPAK', `${repoFile} is no .flatpakrepo file`, {
    about,
    hint: 'It has a line [Flatpak Repo], and below it Url= and GPGKey=',
  });
}
