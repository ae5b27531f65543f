/** Reads what resolve.py found out, and judges it: everything that is wrong, at once. */
import { z } from 'zod';
import { nearest } from '../config/nearest.ts';
import { OsmithError } from '../errors.ts';
import { remoteError } from './errors.ts';
import { parseKeyFile } from './key-file.ts';
import { parseRef } from './ref.ts';
import { extraData, type ExtraData, type ResolvedRef, type WantedRemote } from './types.ts';

const operation = z.strictObject({
  ...{ ref: z.string(), remote: z.string(), commit: z.string(), subpaths: z.array(z.string()) },
  ...{ downloadSize: z.number(), installedSize: z.number(), metadata: z.string() },
  ...{ relatedTo: z.array(z.string()), eol: z.string(), eolRebase: z.string() },
});

/** What resolve.py writes. */
export const outcome = z.strictObject({
  remotes: z.array(
    z.strictObject({
      ...{ name: z.string(), title: z.string(), defaultBranch: z.string(), collectionId: z.string() },
    }),
  ),
  /** Remotes that could not be asked. */
  failed: z.array(z.strictObject({ remote: z.string(), message: z.string() })),
  /** Entries of lists that a remote has nothing for. `has`: ids that it has. */
  missing: z.array(
    z.strictObject({
      ...{ remote: z.string(), option: z.enum(['apps', 'runtimes']), entry: z.string() },
      has: z.array(z.string()),
    }),
  ),
  /** Why no list of what to install could be made; empty: there is one. */
  problem: z.string(),
  operations: z.array(operation),
});
export type Outcome = z.infer<typeof outcome>;

function extraDataOf(metadata: ReturnType<typeof parseKeyFile>): ExtraData[] {
  const group = metadata.get('Extra Data');
  if (group === undefined) return [];
  const numbers = [...group.keys()].flatMap((key) => /^uri(\d*)$/.exec(key)?.[1] ?? []);
  return numbers.map((number) => {
    const value = (key: string) => group.get(`${key}${number}`) ?? '';
    const uri = value('uri');
    // As Flatpak names a file that has no name.
    const name = value('name') || (uri.split('/').at(-1) ?? '');
    return extraData.parse({ name, uri, size: Number(value('size')), sha256: value('checksum') });
  });
}

/** Sorted: runtimes and apps apart, bytewise. */
export function refsOf({ operations }: Outcome): ResolvedRef[] {
  return operations
    .map(({ metadata: text, ...known }) => {
      const metadata = parseKeyFile(text);
      const runtime = metadata.get('Application')?.get('runtime');
      return {
        ...known,
        runtime: runtime === undefined ? '' : `runtime/${runtime}`,
        relatedTo: known.relatedTo.toSorted(),
        extraData: extraDataOf(metadata),
      };
    })
    .sort((a, b) => (a.ref < b.ref ? -1 : 1));
}

/** Names an option of a remote, or one word of its list, for Step.origins. */
export function placeName(remote: string, option: string, word?: string): string {
  return `flatpak-remote-${remote}.${option}${word === undefined ? '' : ` ${word}`}`;
}

function fault(about: string, message: string, hint: string): OsmithError {
  return new OsmithError('E_FLATPAK', message, { about, hint });
}

function missingFaults({ missing }: Outcome): OsmithError[] {
  return missing.map(({ remote, option, entry, has }) => {
    const id = entry.split('/')[0]!;
    const meant = nearest(id, has);
    const hint = has.includes(id)
      ? `It has ${id}, but not for this architecture or not on this branch`
      : meant === undefined
        ? 'Take it away, or list it at the remote that has it'
        : `Did you mean ${meant}?`;
    const what = option === 'apps' ? 'app' : 'runtime';
    return fault(placeName(remote, option, entry), `The remote ${remote} has no ${what} ${entry}`, hint);
  });
}

/** Where a ref is asked for, else the list of the remote that it comes from. */
function asked(ref: ResolvedRef, remotes: readonly WantedRemote[]): string {
  const { kind, id } = parseRef(ref.ref);
  const option = kind === 'app' ? 'apps' : 'runtimes';
  const entry = remotes
    .find(({ name }) => name === ref.remote)
    ?.[option].find((word) => word.split('/')[0] === id);
  return placeName(ref.remote, option, entry);
}

function why({ relatedTo }: ResolvedRef): string {
  return relatedTo.length === 0 ? '' : `, which ${parseRef(relatedTo[0]!).id} needs`;
}

function refFaults(ref: ResolvedRef, remotes: readonly WantedRemote[]): OsmithError[] {
  const { id } = parseRef(ref.ref);
  const faults: OsmithError[] = [];
  const excluding = remotes.find(({ exclude }) => exclude.includes(id));
  if (excluding !== undefined) {
    faults.push(
      fault(
        placeName(excluding.name, 'exclude', id),
        `${id} is excluded, but would be installed${why(ref)}`,
        'Take it from `exclude`, or from the lists what needs it',
      ),
    );
  }
  const own = remotes.find(({ name }) => name === ref.remote);
  if (ref.extraData.length > 0 && own?.allowExtraData.includes(id) !== true) {
    const from = [...new Set(ref.extraData.map(({ uri }) => new URL(uri).host))].join(', ');
    faults.push(
      fault(
        asked(ref, remotes),
        `${id} has its files sent by ${from}, which nobody allowed${why(ref)}`,
        `Add it to allow_extra_data of [flatpak-remote-${ref.remote}] if you may redistribute these files, or to exclude`,
      ),
    );
  }
  if (ref.eolRebase !== '') {
    const { id: successor } = parseRef(ref.eolRebase);
    faults.push(
      fault(
        asked(ref, remotes),
        `${id} has a successor: ${successor}${why(ref)}`,
        `List ${successor} in its place`,
      ),
    );
  }
  return faults;
}

/** All that stands against installing this; none: nothing does. */
export function outcomeFaults(
  found: Outcome,
  refs: readonly ResolvedRef[],
  remotes: readonly WantedRemote[],
): OsmithError[] {
  const failed = found.failed.map(({ remote, message }) => {
    const { url, repoFile } = remotes.find(({ name }) => name === remote)!;
    return remoteError(message, {
      ...{ remote, url },
      about: placeName(remote, repoFile === '' ? 'url' : 'repo_file'),
    });
  });
  const faults = [...failed, ...missingFaults(found), ...refs.flatMap((ref) => refFaults(ref, remotes))];
  if (found.problem === '') return faults;
  const about = remotes.flatMap(({ name, apps, runtimes }) =>
    [...apps.map((entry) => ['apps', entry]), ...runtimes.map((entry) => ['runtimes', entry])]
      .filter(([, entry]) => found.problem.includes(entry!.split('/')[0]!))
      .map(([option, entry]) => placeName(name, option!, entry)),
  )[0];
  const problem = new OsmithError('E_FLATPAK', `Flatpak finds no way to install this: ${found.problem}`, {
    about,
    hint: 'Mostly a runtime is at a remote that is not configured: add it as a [flatpak-remote-NAME]',
  });
  return [...faults, problem];
}

/** What is worth a warning. */
export function endOfLife(refs: readonly ResolvedRef[]): string[] {
  return refs.flatMap((ref) => {
    if (ref.eol === '') return [];
    return [`${parseRef(ref.ref).id}${why(ref)} is no longer maintained: ${ref.eol}`];
  });
}
