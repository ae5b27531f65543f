/** Builds and published releases, by what their manifests and configurations say. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseIni } from '../config/ini.ts';
import { isSystemError, OsmithError } from '../errors.ts';
import { compareManifests, compareSets, isEmptySet } from '../pattern/compare.ts';
import { readClaims, type ManifestDifference, type SetDifference } from '../pattern/index.ts';
import { directoryReader, httpReader, type Reader } from '../release/index.ts';
import { readSmall } from '../release/reader.ts';
import { request, STALL, type Http } from '../update/http.ts';
import { MAX_TOKEN } from '../update/release.ts';

export interface BuildFacts {
  /** The text of manifest.json. */
  manifest: string;
  /** The text of NAME.config.ini; undefined where there is none. */
  config: string | undefined;
}

export interface BuildComparison {
  equal: boolean;
  manifest: ManifestDifference;
  /** Options by `section.option`; undefined if one of the two builds does not tell. */
  config: SetDifference | undefined;
}

const MANIFEST = 'manifest.json';

/** The release that a token stands for. What it says is compared, not trusted: `osmith verify` checks signatures. */
function fromToken(token: string): BuildFacts {
  return { manifest: readClaims(token.trim()).buildManifest ?? '', config: undefined };
}

async function small(reader: Reader, name: string): Promise<string | undefined> {
  return (await readSmall(reader, name, MAX_TOKEN))?.toString();
}

/** A directory with a manifest, or of releases, whose one token says which is current. Undefined: neither. */
async function fromDirectory(dir: string): Promise<BuildFacts | undefined> {
  const reader = directoryReader(dir);
  const manifest = await small(reader, MANIFEST);
  const names = await readdir(dir);
  if (manifest !== undefined) {
    const config = names.find((name) => name.endsWith('.config.ini'));
    return { manifest, config: config === undefined ? undefined : await readFile(join(dir, config), 'utf8') };
  }
  const tokens = names.filter((name) => name.endsWith('.jwt'));
  if (tokens.length > 1) {
    const hint = `Name one of them: ${tokens.sort().join(' ')}`;
    throw new OsmithError('E_USAGE', `${dir} holds releases of several systems`, { hint });
  }
  return tokens[0] === undefined ? undefined : fromToken(await readFile(join(dir, tokens[0]), 'utf8'));
}

async function fromUrl(url: string, http: Http): Promise<BuildFacts> {
  if (url.endsWith('.jwt')) {
    const parts: Uint8Array[] = [];
    for await (const part of request(http, url)) parts.push(part);
    return fromToken(Buffer.concat(parts).toString());
  }
  const manifest = await small(httpReader(url, http), MANIFEST);
  if (manifest !== undefined) return { manifest, config: undefined };
  const hint = 'Name the directory of a build or release, or the token NAME.jwt of published ones';
  throw new OsmithError('E_NO_IMAGE', `There is no ${MANIFEST} at ${url}`, { hint });
}

/** Undefined: this is something else, such as an image. */
export async function readBuild(name: string, signal: AbortSignal): Promise<BuildFacts | undefined> {
  if (/^https?:\/\//u.test(name)) return fromUrl(name, { fetch, signal, stall: STALL });
  const info = await stat(name).catch((error: unknown) => {
    if (isSystemError(error)) return undefined;
    throw error;
  });
  if (info?.isDirectory() === true) return fromDirectory(name);
  return info?.isFile() === true && name.endsWith('.jwt')
    ? fromToken(await readFile(name, 'utf8'))
    : undefined;
}

function options(text: string): Map<string, string> {
  const { sections } = parseIni(text, 'config.ini');
  return new Map(
    [...sections].flatMap(([section, { options }]) =>
      [...options].map(([option, { value }]): [string, string] => [`${section}.${option}`, value]),
    ),
  );
}

export function compareBuilds(a: BuildFacts, b: BuildFacts): BuildComparison {
  const manifest = compareManifests(a.manifest, b.manifest);
  const known = a.config !== undefined && b.config !== undefined;
  const config = known ? compareSets(options(a.config!), options(b.config!)) : undefined;
  return { equal: manifest.equal && (config === undefined || isEmptySet(config)), manifest, config };
}
