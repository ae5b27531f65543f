/** ostree (2025.2): argument lists that fetch what was resolved. */
import type { ResolvedRef } from './types.ts';

/** Of a locale extension only some languages: its metadata and their directories. */
function subpathOptions({ subpaths }: ResolvedRef): string[] {
  if (subpaths.length === 0) return [];
  return ['--subpath=/metadata', ...subpaths.map((path) => `--subpath=/files${path}`)];
}

/** Pulls of one remote: whole refs at once, each of which only parts are wanted by itself. */
export function pullArgvs(repo: string, remote: string, refs: readonly ResolvedRef[]): string[][] {
  const whole = refs.filter(({ subpaths }) => subpaths.length === 0);
  const parts = refs.filter(({ subpaths }) => subpaths.length > 0).map((ref) => [ref]);
  return [whole, ...parts]
    .filter((group) => group.length > 0)
    .map((group) => [
      ...['ostree', `--repo=${repo}`, 'pull', '--mirror', '--disable-fsync', '--depth=0'],
      ...subpathOptions(group[0]!),
      remote,
      ...group.map(({ ref, commit }) => `${ref}@${commit}`),
    ]);
}

/** Makes the list of what a repository has, from which Flatpak installs. */
export function updateRepoArgv(repo: string): string[] {
  return ['flatpak', 'build-update-repo', '--no-update-appstream', repo];
}
