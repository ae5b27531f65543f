/** ostree (2025.2): argument lists for the repository side. All options are said, so that no configuration decides. */

/** A repository that a web server can serve: compressed objects, no owners needed. */
export function initArchiveArgv(repo: string, collectionId: string): string[] {
  const collection = collectionId === '' ? [] : [`--collection-id=${collectionId}`];
  return ['ostree', `--repo=${repo}`, 'init', '--mode=archive', ...collection];
}

export interface CommitOptions {
  repo: string;
  ref: string;
  /** Directory that is committed. */
  tree: string;
  subject: string;
  /** Seconds since the Unix epoch. */
  epoch: number;
  /** For people; empty: none. */
  version: string;
  /** Checksum of the commit before; absent: none. */
  parent?: string | undefined;
  /** Further branches at which machines may find it. */
  alsoAt: readonly string[];
}

/** `--bootable` also notes the kernel's version. Prints the commit's checksum. */
export function commitArgv(options: CommitOptions): string[] {
  const { repo, ref, tree, subject, epoch, version, parent, alsoAt } = options;
  return [
    ...['ostree', `--repo=${repo}`, 'commit', `--branch=${ref}`, `--tree=dir=${tree}`],
    ...[`--subject=${subject}`, `--timestamp=@${epoch}`, '--bootable', '--fsync=false'],
    `--parent=${parent ?? 'none'}`,
    ...alsoAt.map((name) => `--bind-ref=${name}`),
    ...(version === '' ? [] : [`--add-metadata-string=version=${version}`]),
  ];
}

/** Where the shipped system gets its updates. */
export interface Remote {
  name: string;
  url: string;
  /** Whether commits must be signed, by one of `keys`. */
  gpgVerify: boolean;
  /** Path of their public keys. */
  keys?: string | undefined;
  /** Empty: none. */
  collectionId: string;
}

export function remoteAddArgv(repo: string, ref: string, remote: Remote): string[] {
  const { name, url, gpgVerify, keys, collectionId } = remote;
  return [
    ...['ostree', `--repo=${repo}`, 'remote', 'add', '--force'],
    ...(gpgVerify ? ['--set=gpg-verify=true'] : ['--no-gpg-verify']),
    ...(keys === undefined ? [] : [`--gpg-import=${keys}`]),
    ...(collectionId === '' ? [] : [`--collection-id=${collectionId}`]),
    ...[name, url, ref],
  ];
}

export interface PullLocal {
  repo: string;
  /** Path of the repository that has the commit. */
  from: string;
  /** The commit is taken as if it had come from there; absent: from nowhere. */
  remote?: { name: string; gpgVerify: boolean } | undefined;
  /** A branch or a commit. */
  what: string;
}

/** Copies a commit between repositories of this machine. */
export function pullLocalArgv({ repo, from, remote, what }: PullLocal): string[] {
  const named = remote === undefined ? [] : [`--remote=${remote.name}`];
  const verified = remote?.gpgVerify === true ? ['--gpg-verify'] : [];
  return ['ostree', `--repo=${repo}`, 'pull-local', '--disable-fsync', ...named, ...verified, from, what];
}

/** Has a branch of this name, or of `REMOTE:NAME`, point to the commit. */
export function setRefArgv(repo: string, ref: string, commit: string): string[] {
  return ['ostree', `--repo=${repo}`, 'refs', '--force', `--create=${ref}`, commit];
}

/** Lists the branches, one a line. */
export function refsArgv(repo: string): string[] {
  return ['ostree', `--repo=${repo}`, 'refs'];
}

/** What a commit is, for people; whether its signatures are good, by the keys of a remote. */
export function showArgv(repo: string, commit: string, remote: string | undefined): string[] {
  const keys = remote === undefined ? [] : [`--gpg-verify-remote=${remote}`];
  return ['ostree', `--repo=${repo}`, 'show', ...keys, commit];
}

/** Prints a file of a commit. */
export function catArgv(repo: string, commit: string, path: string): string[] {
  return ['ostree', `--repo=${repo}`, 'cat', commit, path];
}
