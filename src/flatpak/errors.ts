/** What libflatpak and libostree say of a remote that cannot be used, as errors that users can act on. */
import { OsmithError } from '../errors.ts';

export interface AskedRemote {
  remote: string;
  url: string;
  about: string;
}

/** Most telling first. Worded by flatpak 1.14 to 1.16, libostree 2022.7 to 2025.2 and libcurl. */
const CAUSES: { pattern: RegExp; code: 'E_SIGNATURE' | 'E_NETWORK'; what: string; hint: string }[] = [
  {
    pattern: /no (?:GPG )?signatures found|no summary signature|signature.*missing/i,
    ...{ code: 'E_SIGNATURE', what: 'is not signed' },
    hint: 'Have it signed; nothing is installed that nobody answers for',
  },
  {
    pattern:
      /public key not found|none are in trusted keyring|BAD signature|(?:Signature|Key) .*(?:expired|revoked)|Invalid signature/i,
    ...{ code: 'E_SIGNATURE', what: 'is not signed by its keys' },
    hint: 'Check keys, or the GPGKey of repo_file; if they are right, somebody else made what is there',
  },
  {
    pattern: /Corrupted .* object|Checksum mismatch|Expected (?:commit|content) checksum/i,
    ...{ code: 'E_SIGNATURE', what: 'sends files that are not those of the commit' },
    hint: 'The server or a proxy alters them',
  },
  {
    pattern: /no summary found|404/i,
    ...{ code: 'E_NETWORK', what: 'is no Flatpak repository, or lacks files of one' },
    hint: 'Check the URL: the file `summary` of the repository is directly below it. After a pause, --refresh looks again',
  },
  {
    pattern:
      /Could ?n[o']t connect|Could ?n[o']t resolve|refused|reset|Timeout|timed out|transfer closed|Empty reply|HTTP 5\d\d|Failure when receiving|Recv failure|While fetching|\[\d+\]/i,
    ...{ code: 'E_NETWORK', what: 'cannot be reached, or stopped answering' },
    hint: 'Check the network, the proxy variables and the URL, then build again; what arrived is kept',
  },
];

/** The error for what a program said of a remote. */
export function remoteError(said: string, { remote, url, about }: AskedRemote): OsmithError {
  const cause = CAUSES.find(({ pattern }) => pattern.test(said));
  const tail = said.trim().split('\n');
  if (cause === undefined) {
    return new OsmithError('E_FLATPAK', `The remote ${remote} (${url}) cannot be used`, { about, tail });
  }
  const { code, what, hint } = cause;
  return new OsmithError(code, `The remote ${remote} (${url}) ${what}`, { about, tail, hint });
}
