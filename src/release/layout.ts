/**
 * Where things are in a target. At its root the tokens, `NAME.jwt`; below `NAME/` a directory for each release with all
 * its files, the token among them, so that each can be used by itself as long as it is kept.
 */
import { releaseDirectory, type Manifest } from '../update/release.ts';

export const MANIFEST = 'manifest.json';
export const NOTES = 'notes.md';
/** Names that artifacts must not have. */
export const RESERVED: ReadonlySet<string> = new Set([MANIFEST, NOTES]);

export function tokenFile(name: string): string {
  return `${name}.jwt`;
}

/** Paths of a release's files, below the root of the target. */
export interface ReleasePaths {
  directory: string;
  manifest: string;
  notes: string;
  token: string;
  artifacts: { path: string; artifact: Manifest['artifacts'][number] }[];
}

export function pathsOf(text: string, manifest: Manifest): ReleasePaths {
  const directory = releaseDirectory(text, manifest);
  const at = (file: string) => `${directory}/${file}`;
  return {
    directory,
    manifest: at(MANIFEST),
    notes: at(NOTES),
    token: at(tokenFile(manifest.name)),
    artifacts: manifest.artifacts.map((artifact) => ({ path: at(artifact.name), artifact })),
  };
}

/** Directories of releases in a listing of `NAME/`, by their form. */
export function releaseDirectories(name: string, paths: readonly string[]): string[] {
  const found = paths.flatMap((path) => {
    const [first, second, ...rest] = path.split('/');
    const ours = first === name && /^\d{4}-\d\d-\d\d-[0-9a-f]{16}$/.test(second ?? '') && rest.length > 0;
    return ours ? [`${name}/${second}`] : [];
  });
  return [...new Set(found)];
}
