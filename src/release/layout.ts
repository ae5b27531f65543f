/**
 * Where things are in a target. At its root the tokens, `NAME.jwt`; below `NAME/` a directory for each release with all
 * its files, the token among them, so that each can be used by itself as long as it is kept.
 */
import { z } from 'zod';
import { compressionOf, SUMS } from '../plan/sign.ts';
import { releaseDirectory, type Manifest } from '../update/release.ts';

export const MANIFEST = 'manifest.json';
export const NOTES = 'notes.md';
/** What a build printed. */
export const LOG = 'build.txt';
/** Is there as long as a release is not complete. */
export const IN_PROGRESS = '.inprogress';
export const MARK = 'This release is being published, or was broken off\n';
/** Names that artifacts must not have. */
export const RESERVED: ReadonlySet<string> = new Set([MANIFEST, signatureOf(MANIFEST), NOTES, LOG]);
/** Files of a build that no manifest names; they are published where there are such. */
export const BESIDE = [signatureOf(MANIFEST), LOG];

/** The file that has a file's OpenPGP signature. */
export function signatureOf(name: string): string {
  return name === SUMS ? `${name}.gpg` : `${name}.asc`;
}

/** Whether a file is there for another one: signatures, checksums, sizes. */
export function isAbout(name: string): boolean {
  return /\.(?:asc|gpg|sha256|size)$/.test(name);
}

/** What a compressed file is called once it is unpacked; undefined: it is not compressed. */
export function unpackedName(name: string): string | undefined {
  return compressionOf(name) === null ? undefined : name.slice(0, name.lastIndexOf('.'));
}

const imagesSchema = z.object({
  images: z.record(z.string(), z.object({ file: z.string(), extracted_size: z.number().nullable() })),
});

/** What files of a build unpack to, bytes, by the part `images` of a manifest. */
export function aboutImages(text: string): Map<string, number> {
  const { data } = imagesSchema.safeParse(JSON.parse(text));
  const images = Object.values(data?.images ?? {});
  return new Map(
    images.flatMap(({ file, extracted_size: size }): [string, number][] =>
      size === null ? [] : [[file, size]],
    ),
  );
}

export function tokenFile(name: string): string {
  return `${name}.jwt`;
}

/** Paths of a release's files, below the root of the target. */
export interface ReleasePaths {
  directory: string;
  manifest: string;
  notes: string;
  token: string;
  /** As long as it is there, files are missing. */
  inProgress: string;
  beside: string[];
  artifacts: { path: string; artifact: Manifest['artifacts'][number] }[];
}

export function pathsOf(text: string, manifest: Manifest): ReleasePaths {
  return pathsIn(releaseDirectory(text, manifest), manifest.name, manifest.artifacts);
}

/** The same of a directory whose manifest may not be there yet. */
export function pathsIn(directory: string, name: string, artifacts: Manifest['artifacts']): ReleasePaths {
  const at = (file: string) => `${directory}/${file}`;
  return {
    directory,
    manifest: at(MANIFEST),
    notes: at(NOTES),
    inProgress: at(IN_PROGRESS),
    beside: BESIDE.map(at),
    token: at(tokenFile(name)),
    artifacts: artifacts.map((artifact) => ({ path: at(artifact.name), artifact })),
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
