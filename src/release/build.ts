/** A build as it is released: a signed token, and files that are what the token says. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError, OsmithError, toOsmithError } from '../errors.ts';
import { dates, signJwt, verifyJwt, type Claims, type Key, type SignCommand } from '../pattern/index.ts';
import { sha256File } from '../run/store.ts';
import { parseManifest, type Manifest } from '../update/release.ts';
import { BESIDE, MANIFEST, RESERVED, tokenFile } from './layout.ts';

/** What verifies tokens, and the time that counts: those of `VerifyOptions`. */
export type Verify = Parameters<typeof verifyJwt>[1];

export interface SignedBuild {
  token: string;
  claims: Claims;
  /** As the token has it. */
  text: string;
  manifest: Manifest;
}

export interface Built extends SignedBuild {
  /** Where the artifacts are. */
  dir: string;
  /** Files that no manifest names, by name. */
  beside: Map<string, Buffer>;
}

export interface BuildOptions {
  /** Directory of a build. */
  dir: string;
  verify: Verify;
  /** Asked only if the build has no token yet. */
  signer: () => Promise<Key | SignCommand>;
  /** Names one use of a token. */
  id: string;
  /** Of this program. */
  version: string;
  signal?: AbortSignal | undefined;
}

const BUILD_FIRST = '`osmith build` makes one; --out DIR says where it is';

async function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (isSystemError(error) && ['ENOENT', 'ENOTDIR'].includes(error.code!)) return undefined;
    throw error;
  });
}

/** Reads `DIR/manifest.json`. Throws E_NO_IMAGE. */
export async function readBuildManifest(dir: string): Promise<{ text: string; manifest: Manifest }> {
  const text = await readText(join(dir, MANIFEST));
  if (text === undefined)
    throw new OsmithError('E_NO_IMAGE', `There is no build in ${dir}`, { hint: BUILD_FIRST });
  const manifest = parseManifest(text);
  if (manifest === undefined)
    throw new OsmithError('E_NO_IMAGE', `${join(dir, MANIFEST)} is not the manifest of a build`, {
      hint: BUILD_FIRST,
    });
  return { text: text.trimEnd(), manifest };
}

/** Verifies a token and reads the manifest in it; `file` is what users call it. Throws E_SIGNATURE. */
export async function readSigned(token: string, file: string, verify: Verify): Promise<SignedBuild> {
  const claims = await verifyJwt(token, verify).catch((error: unknown) => {
    const { code, message, details } = toOsmithError(error);
    const hint = verify.keys.length === 0 ? 'Name the public key with --verify-key' : undefined;
    throw new OsmithError(code, `${file}: ${message}`, { ...details, hint: details.hint ?? hint });
  });
  const text = claims.buildManifest ?? '';
  const manifest = parseManifest(text);
  if (manifest !== undefined) return { token, claims, text, manifest };
  throw new OsmithError('E_SIGNATURE', `${file} is signed, but not the token of a build`);
}

async function sign(text: string, manifest: Manifest, options: BuildOptions): Promise<string> {
  const claims: Claims = {
    ...dates(options.verify.now),
    ...{ jti: options.id, sub: manifest.name, buildManifest: text, osmithVersion: options.version },
  };
  return signJwt(claims, await options.signer());
}

/** Throws E_SIGNATURE for an artifact that is not what the manifest says. */
export async function checkArtifacts(
  dir: string,
  { artifacts }: Manifest,
  signal?: AbortSignal,
): Promise<void> {
  for (const { name, size, sha256 } of artifacts) {
    signal?.throwIfAborted();
    const file = join(dir, name);
    const found = await stat(file).catch(() => undefined);
    const why =
      found?.isFile() !== true
        ? 'is missing'
        : found.size !== size
          ? `has ${found.size} bytes, not ${size}`
          : (await sha256File(file)) === sha256
            ? undefined
            : 'has other contents';
    if (why === undefined) continue;
    throw new OsmithError('E_SIGNATURE', `${file} is not what the manifest says: it ${why}`, {
      hint: 'Something changed it. Run `osmith build` again: it puts back what the store has',
    });
  }
}

function checkNames({ name, artifacts }: Manifest): void {
  const names = artifacts.map((artifact) => artifact.name);
  const twice = names.find((each, index) => names.indexOf(each) !== index);
  const taken = names.find((each) => RESERVED.has(each) || each === tokenFile(name)) ?? twice;
  if (taken === undefined) return;
  throw new OsmithError('E_RELEASE', `The manifest of ${name} has a file that cannot be published: ${taken}`);
}

/** Opens a build for its release. All of it was verified when this returns. */
export async function openBuild(options: BuildOptions): Promise<Built> {
  const { dir, verify } = options;
  const { text, manifest } = await readBuildManifest(dir);
  checkNames(manifest);
  const file = join(dir, tokenFile(manifest.name));
  const token = (await readText(file))?.trim() ?? (await sign(text, manifest, options));
  const signed = await readSigned(token, file, verify);
  if (signed.text.trimEnd() !== text)
    throw new OsmithError('E_SIGNATURE', `${file} is the token of another build than the one in ${dir}`, {
      hint: 'Build again with `osmith pattern build`, or remove the token: the release then makes one',
    });
  await checkArtifacts(dir, manifest, options.signal);
  return { ...signed, dir, beside: await readBeside(dir) };
}

async function readBeside(dir: string): Promise<Built['beside']> {
  const found = new Map<string, Buffer>();
  for (const name of BESIDE) {
    const text = await readText(join(dir, name));
    if (text !== undefined) found.set(name, Buffer.from(text));
  }
  return found;
}
