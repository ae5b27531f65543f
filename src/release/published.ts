/** What is published in a target. */
import { OsmithError, toOsmithError } from '../errors.ts';
import { readClaims, type Claims } from '../pattern/index.ts';
import { MAX_TOKEN, parseManifest, type Manifest } from '../update/release.ts';
import { readSigned, type SignedBuild, type Verify } from './build.ts';
import {
  IN_PROGRESS,
  MANIFEST,
  MARK,
  pathsIn,
  pathsOf,
  releaseDirectories,
  tokenFile,
  type ReleasePaths,
} from './layout.ts';
import type { PublishedFile, Publisher } from './publish/types.ts';

/** The release that machines see. Undefined: none. Throws E_SIGNATURE for a token that does not verify. */
export async function readCurrent(
  publisher: Publisher,
  name: string,
  verify: Verify,
): Promise<SignedBuild | undefined> {
  const file = tokenFile(name);
  const bytes = await publisher.read(file, MAX_TOKEN);
  if (bytes === undefined) return undefined;
  const token = bytes.toString().trim();
  const shown = `${publisher.place}/${file}`;
  const signed = await readSigned(token, shown, { ...verify, now: timeOf(token) });
  if (signed.manifest.name === name) return signed;
  throw new OsmithError('E_SIGNATURE', `${shown} is the token of ${signed.manifest.name}`);
}

/** When it was made: a release may have expired since, and still was one. */
function timeOf(token: string): number {
  try {
    const { nbf, iat } = readClaims(token);
    return (nbf ?? iat ?? 0) * 1000;
  } catch {
    return 0; // verifying says what is wrong with it
  }
}

/** A release below `NAME/`: complete if it has its token, else one that was not finished, or not removed as a whole. */
export interface StoredRelease extends ReleasePaths {
  issued: number;
  complete: boolean;
}

/** Reads which releases there are. What is no release, though its directory looks like one, is left out. */
export async function readStored(publisher: Publisher, name: string): Promise<StoredRelease[]> {
  const files = await publisher.list(name);
  const found = await Promise.all(
    releaseDirectories(
      name,
      files.map(({ path }) => path),
    ).map(async (directory) => readOne(publisher, name, directory)),
  );
  return found.filter((release) => release !== undefined);
}

/** The directory's name vouches for the manifest in it: nobody else has made one that fits. */
async function readOne(
  publisher: Publisher,
  name: string,
  directory: string,
): Promise<StoredRelease | undefined> {
  const text = (await publisher.read(`${directory}/${MANIFEST}`, MAX_TOKEN))?.toString().trimEnd();
  const mark = await publisher.read(`${directory}/${IN_PROGRESS}`, MAX_TOKEN);
  const begun = mark?.toString() === MARK;
  // It was broken off before or after everything else.
  if (text === undefined && begun) return { ...pathsIn(directory, name, []), issued: 0, complete: false };
  const manifest = text === undefined ? undefined : parseManifest(text);
  if (text === undefined || manifest?.name !== name) return undefined;
  const paths = pathsOf(text, manifest);
  if (paths.directory !== directory) return undefined;
  const claims = await readToken(publisher, paths.token);
  return { ...paths, issued: claims?.iat ?? 0, complete: claims !== undefined && !begun };
}

async function readToken(publisher: Publisher, path: string): Promise<Claims | undefined> {
  const token = await publisher.read(path, MAX_TOKEN);
  try {
    return token === undefined ? undefined : readClaims(token.toString());
  } catch (error) {
    if (toOsmithError(error).code === 'E_SIGNATURE') return undefined;
    throw error;
  }
}

/** Files that a release names and that are not there, or not of that size. */
export async function missingFiles(
  publisher: Publisher,
  text: string,
  manifest: Manifest,
): Promise<string[]> {
  const { directory, artifacts } = pathsOf(text, manifest);
  const files = await publisher.list(directory);
  const sizes = new Map(files.map(({ path, size }: PublishedFile) => [path, size]));
  return artifacts.filter(({ path, artifact }) => sizes.get(path) !== artifact.size).map(({ path }) => path);
}
