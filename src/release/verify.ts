/** Checks a build, or what is published, and says of each thing whether it is right. */
import { toOsmithError } from '../errors.ts';
import { readClaims, verifyJwt, type Claims } from '../pattern/index.ts';
import { MAX_TOKEN, parseManifest, type Manifest } from '../update/release.ts';
import type { Verify } from './build.ts';
import { MANIFEST, pathsOf, releaseDirectories, tokenFile } from './layout.ts';
import type { Reader } from './reader.ts';

export interface Check {
  /** Path of the file, below the target. */
  file: string;
  what: 'signature' | 'manifest' | 'digest';
  ok: boolean;
  /** Why not, or what was found. */
  detail: string;
}

/** Detail of a check whose file is not there. */
export const MISSING = 'it is missing';

export interface VerifyOptions {
  reader: Reader;
  verify: Verify;
  /** A build need not be signed. */
  unsigned?: boolean | undefined;
  /** Called with each check as it was done. */
  onCheck?: ((check: Check) => void) | undefined;
  signal?: AbortSignal | undefined;
}

type Add = (file: string, what: Check['what'], wrong: string | undefined, detail?: string) => void;

interface Job extends VerifyOptions {
  add: Add;
}

async function collect(options: VerifyOptions, work: (job: Job) => Promise<void>): Promise<Check[]> {
  const checks: Check[] = [];
  const add: Add = (file, what, wrong, detail = '') => {
    const check = { file, what, ok: wrong === undefined, detail: wrong ?? detail };
    checks.push(check);
    options.onCheck?.(check);
  };
  await work({ ...options, add });
  return checks;
}

/** Verifies a token. Its claims, if it has any, are returned in any case: what they say is checked as well. */
async function checkToken(
  { reader, verify, add }: Job,
  file: string,
  { anyTime = false } = {},
): Promise<{ token: string; claims: Claims } | undefined> {
  const token = (await reader.read(file, MAX_TOKEN))?.toString().trim();
  if (token === undefined) {
    add(file, 'signature', MISSING);
    return undefined;
  }
  let claims: Claims | undefined;
  try {
    claims = readClaims(token);
    const made = claims.nbf ?? claims.iat ?? 0;
    await verifyJwt(token, anyTime ? { ...verify, now: made * 1000 } : verify);
    add(file, 'signature', undefined, claims.exp === undefined ? '' : `until ${time(claims.exp)}`);
  } catch (error) {
    const { code, message } = toOsmithError(error);
    if (code !== 'E_SIGNATURE') throw error;
    add(file, 'signature', message);
  }
  return claims && { token, claims };
}

function time(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().slice(0, 10);
}

async function checkFiles(
  { reader, add, signal }: Job,
  { artifacts }: Manifest,
  at: (name: string) => string,
): Promise<void> {
  for (const { name, size, sha256 } of artifacts) {
    signal?.throwIfAborted();
    const found = await reader.digest(at(name), size);
    const wrong =
      found === undefined
        ? MISSING
        : found.size > size
          ? `it has more than ${size} bytes`
          : found.size < size
            ? `it has ${found.size} of ${size} bytes`
            : found.sha256 === sha256
              ? undefined
              : `its digest is ${found.sha256}, not ${sha256}`;
    add(at(name), 'digest', wrong, `sha256:${sha256}`);
  }
}

/** The file beside the artifacts, for people; `text` is what was signed. */
async function checkManifest({ reader, add }: Job, file: string, text: string): Promise<void> {
  const found = (await reader.read(file, MAX_TOKEN))?.toString().trimEnd();
  const wrong =
    found === undefined ? MISSING : found === text.trimEnd() ? undefined : 'it is not the one that is signed';
  add(file, 'manifest', wrong, 'as it is signed');
}

/** A directory with `manifest.json` and artifacts, as a build leaves it, or one release of those that are published. */
export async function verifyBuild(options: VerifyOptions): Promise<Check[]> {
  return collect(options, async (job) => {
    const text = (await job.reader.read(MANIFEST, MAX_TOKEN))?.toString().trimEnd() ?? '';
    const manifest = parseManifest(text);
    if (manifest === undefined) return job.add(MANIFEST, 'manifest', 'it is not the manifest of a build');
    if (job.unsigned === true) job.add(MANIFEST, 'manifest', undefined, 'not signed');
    else {
      const signed = await checkToken(job, tokenFile(manifest.name));
      if (signed !== undefined) await checkManifest(job, MANIFEST, signed.claims.buildManifest ?? '');
    }
    await checkFiles(job, manifest, (name) => name);
    return undefined;
  });
}

/** What machines see that follow the build `name`; in a directory also the old releases that are kept. */
export async function verifyPublished(options: VerifyOptions, name: string): Promise<Check[]> {
  return collect(options, async (job) => {
    const file = tokenFile(name);
    const current = await checkToken(job, file);
    const directory = current && (await checkCurrent(job, name, current.claims));
    const names = (await job.reader.list(name)) ?? [];
    const paths = names.map((each) => `${name}/${each}/`);
    for (const each of releaseDirectories(name, paths)) {
      if (each === directory) await checkCopy(job, `${each}/${file}`, current!.token);
      else await checkKept(job, name, each);
    }
  });
}

/** Returns the directory of the release, if its files are in one. */
async function checkCurrent(job: Job, name: string, claims: Claims): Promise<string | undefined> {
  const text = claims.buildManifest ?? '';
  const manifest = parseManifest(text);
  const wrong =
    manifest === undefined
      ? 'it has no manifest of a build'
      : manifest.name === name
        ? undefined
        : `it is of ${manifest.name}`;
  job.add(tokenFile(name), 'manifest', wrong, manifest && `${manifest.artifacts.length} files`);
  if (manifest === undefined) return undefined;
  const { directory, artifacts, manifest: copy } = pathsOf(text, manifest);
  // As machines look for them: in the directory of the release, or beside the token.
  const first = artifacts[0]?.path ?? copy;
  const own = (await job.reader.digest(first, 0)) !== undefined;
  await checkFiles(job, manifest, (file) => (own ? `${directory}/${file}` : file));
  if (!own) return undefined;
  await checkManifest(job, copy, text);
  return directory;
}

async function checkCopy({ reader, add }: Job, file: string, token: string): Promise<void> {
  const found = (await reader.read(file, MAX_TOKEN))?.toString().trim();
  add(file, 'signature', found === token ? undefined : 'it is not the published token', 'as published');
}

/** An old release; it may have expired. One without a token is no release: it was not finished, or not removed as a whole. */
async function checkKept(job: Job, name: string, directory: string): Promise<void> {
  const file = `${directory}/${tokenFile(name)}`;
  if ((await job.reader.read(file, 1)) === undefined) return;
  const signed = await checkToken(job, file, { anyTime: true });
  if (signed === undefined) return;
  const text = signed.claims.buildManifest ?? '';
  const manifest = parseManifest(text);
  const fits = manifest?.name === name && pathsOf(text, manifest).directory === directory;
  if (!fits || manifest === undefined) return job.add(file, 'manifest', 'it is the token of another release');
  await checkManifest(job, `${directory}/${MANIFEST}`, text);
  await checkFiles(job, manifest, (artifact) => `${directory}/${artifact}`);
}
