/** ostree (2025.2): argument lists that make a repository ready for a web server. */

/** Who signs. */
export interface Signer {
  /** Fingerprint, or another name that GnuPG knows the key by. */
  key: string;
  homedir: string;
}

export function signArgv(repo: string, commit: string, { key, homedir }: Signer): string[] {
  return ['ostree', `--repo=${repo}`, 'gpg-sign', `--gpg-homedir=${homedir}`, commit, key];
}

/** Adds a commit that another repository has; no branch of this one changes. */
export function addCommitArgv(repo: string, from: string, commit: string): string[] {
  return ['ostree', `--repo=${repo}`, 'pull-local', '--disable-fsync', from, commit];
}

/** One file in place of many small ones, for machines that have the commit `from`; absent: for those that have none. */
export function deltaArgv(repo: string, from: string | undefined, to: string): string[] {
  const base = from === undefined ? '--empty' : `--from=${from}`;
  return ['ostree', `--repo=${repo}`, 'static-delta', 'generate', base, `--to=${to}`];
}

/** The list of branches and deltas. */
export function summaryArgv(repo: string, signer: Signer | undefined): string[] {
  const sign = signer === undefined ? [] : [`--gpg-sign=${signer.key}`, `--gpg-homedir=${signer.homedir}`];
  return ['ostree', `--repo=${repo}`, 'summary', '--update', ...sign];
}
