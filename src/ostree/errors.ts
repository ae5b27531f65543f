/** What ostree says when it cannot pull, as errors that users can act on. */
import { nearest } from '../config/nearest.ts';
import { OsmithError } from '../errors.ts';

export interface PullSource {
  url: string;
  ref: string;
}

/** Most telling first. Worded by libostree 2022.7 to 2025.2 and libcurl. */
const CAUSES: { pattern: RegExp; transient?: true; make: (source: PullSource) => OsmithError }[] = [
  {
    pattern: /GPG verification enabled, but no signatures found|no signatures found \(use gpg-verify=false/,
    make: ({ url, ref }) =>
      new OsmithError('E_SIGNATURE', `The commit ${ref} at ${url} is not signed`, {
        hint: 'Have it signed, or name a repository whose commits are: Osmith builds no system from an unsigned one',
      }),
  },
  {
    pattern:
      /GPG signatures found, but none are in trusted keyring|Can't check signature: public key not found|BAD signature|Signature made .* expired|Key expired|Key revoked/i,
    make: ({ url, ref }) =>
      new OsmithError('E_SIGNATURE', `The commit ${ref} at ${url} is not signed by a key of ostree.keys`, {
        hint: 'Check ostree.keys; if the keys are right, somebody else made this commit',
      }),
  },
  {
    pattern: /Corrupted .* object|Checksum mismatch|Expected (?:commit|content) checksum/i,
    make: ({ url }) =>
      new OsmithError('E_SIGNATURE', `${url} sends files that are not those of the commit`, {
        hint: 'The server or a proxy alters them; use another mirror',
      }),
  },
  {
    pattern:
      /No such branch '|Refspec '[^']*' not found|No such ref '|refs\/heads\/\S+.*404|404.*refs\/heads\//,
    make: ({ url, ref }) =>
      new OsmithError('E_OSTREE_REF', `${url} has no branch ${ref}`, {
        hint: 'Check ostree.ref; the repository’s summary lists its branches',
      }),
  },
  {
    pattern: /Server returned HTTP 404|\[404\]|status 404/i,
    make: ({ url }) =>
      new OsmithError('E_NETWORK', `${url} is no OSTree repository, or lacks files of one`, {
        hint: 'Check the URL: the file `config` of the repository is directly below it',
      }),
  },
  {
    pattern:
      /Couldn't connect|Could not connect|Couldn't resolve|Could not resolve|Connection (?:refused|reset)|Timeout|timed out|transfer closed|Empty reply|Server returned HTTP 5\d\d|Failure when receiving|Recv failure|While fetching|\[\d+\]/i,
    transient: true,
    make: ({ url }) =>
      new OsmithError('E_NETWORK', `${url} cannot be reached, or stopped answering`, {
        hint: 'Check the network, the proxy variables and the URL, then build again; what arrived is kept',
      }),
  },
];

export interface Failure {
  /** The one that users can act on; the original one if its words are not known. */
  error: unknown;
  /** Whether it may go away by itself. */
  transient: boolean;
}

/** What a failed run of ostree means. */
export function failure(error: unknown, source: PullSource): Failure {
  if (!(error instanceof OsmithError) || error.code !== 'E_TOOL') return { error, transient: false };
  const text = (error.details.tail ?? []).join('\n');
  const cause = CAUSES.find(({ pattern }) => pattern.test(text));
  if (cause === undefined) return { error, transient: false };
  const { code, message, details } = cause.make(source);
  const clear = new OsmithError(code, message, { ...error.details, ...details });
  return { error: clear, transient: cause.transient === true };
}

/** As many branches as a message may name. */
const NAMED = 8;

/** The error of a branch that is not there, with those that are; `refs` as `REMOTE:NAME`. */
export function missingBranch(error: OsmithError, ref: string, refs: readonly string[]): OsmithError {
  if (refs.length === 0) return error;
  const names = refs.map((name) => name.replace(/^[^:]*:/, '')).sort();
  const meant = nearest(ref, names);
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return new OsmithError(error.code, error.message, {
    ...error.details,
    hint: `${meant === undefined ? '' : `Did you mean ${meant}? `}It has ${names.slice(0, NAMED).join(', ')}${more}`,
  });
}
