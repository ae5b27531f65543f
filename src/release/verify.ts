/** Checks a build, or what is published, and says of each thing whether it is right. */
import { toOsmithError } from '../errors.ts';
import { readClaims, verifyJwt, type Claims } from '../pattern/index.ts';
import { REPORTS } from '../plan/name.ts';
import { MAX_TOKEN, parseManifest, type Manifest } from '../update/release.ts';
import { MANIFEST, pathsOf, releaseDirectories, tokenFile } from './layout.ts';
import { IN_PROGRESS, LOG, NOTES, signatureOf } from './layout.ts';
import { readSmall } from './reader.ts';
import { checkFiles, endSignature, startSignature } from './verify-files.ts';
import { MISSING, type Add, type Check, type Job, type VerifyOptions } from './verify-types.ts';

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

/** Checks a token's signature, where there are keys for it. The claims are returned also if it is wrong: they are checked, too. */
async function checkToken(
  { reader, verify, keyring, add }: Job,
  file: string,
  { anyTime = false } = {},
): Promise<{ token: string; claims: Claims } | undefined> {
  const token = (await readSmall(reader, file, MAX_TOKEN))?.toString().trim();
  if (token === undefined) {
    add(file, 'signature', MISSING);
    return undefined;
  }
  let claims: Claims | undefined;
  try {
    claims = readClaims(token);
    // The key ring alone: what the token says counts as far as the signature of the manifest bears it out.
    if (keyring !== undefined && verify.keys.length === 0) return { token, claims };
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

/** The file beside the artifacts; `text` is what was signed. */
async function checkManifest(job: Job, file: string, text: string): Promise<void> {
  const { reader, add } = job;
  const data = await readSmall(reader, file, MAX_TOKEN);
  const found = data?.toString().trimEnd();
  const wrong =
    found === undefined ? MISSING : found === text.trimEnd() ? undefined : 'it is not the one that is signed';
  add(file, 'manifest', wrong, 'as it is signed');
  if (data !== undefined) await checkSmall(job, file, data);
}

/** The OpenPGP signature of a small file, where there is a key ring. */
async function checkSmall(job: Job, file: string, data: Buffer): Promise<void> {
  const signature = await startSignature(job, file, (name) => name);
  await signature?.write(data);
  await endSignature(job, file, signature);
}

/** Whatever nothing names did not come from whoever signed the rest. `beside`: what else may be there. */
async function checkExtra(
  job: Job,
  directory: string,
  { name, artifacts }: Manifest,
  beside: readonly string[] = [],
): Promise<void> {
  const names = (await job.reader.list(directory)) ?? [];
  const saved = `${name}.config.ini`;
  const known = new Set([
    ...artifacts.map((artifact) => artifact.name),
    ...[MANIFEST, signatureOf(MANIFEST), NOTES, LOG, IN_PROGRESS, tokenFile(name)],
    ...[saved, signatureOf(saved)],
    ...beside,
  ]);
  const at = (file: string) => (directory === '.' ? file : `${directory}/${file}`);
  for (const file of names.filter((each) => !known.has(each)))
    job.add(at(file), 'extra', 'it is not in the manifest');
  if (!names.includes(saved)) return;
  const data = await readSmall(job.reader, at(saved), MAX_TOKEN);
  if (data !== undefined) await checkSmall(job, at(saved), data);
}

/** A directory with `manifest.json` and artifacts, as a build leaves it, or one release of those that are published. */
export async function verifyBuild(options: VerifyOptions): Promise<Check[]> {
  return collect(options, async (job) => {
    const data = await readSmall(job.reader, MANIFEST, MAX_TOKEN);
    const text = data?.toString().trimEnd() ?? '';
    const manifest = parseManifest(text);
    if (manifest === undefined) return job.add(MANIFEST, 'manifest', 'it is not the manifest of a build');
    const token = tokenFile(manifest.name);
    const bare = job.keyring !== undefined && (await readSmall(job.reader, token, 1)) === undefined;
    if (job.unsigned === true || bare) {
      job.add(MANIFEST, 'manifest', undefined, 'without a token');
      await checkSmall(job, MANIFEST, data!);
    } else {
      const signed = await checkToken(job, token);
      if (signed !== undefined) await checkManifest(job, MANIFEST, signed.claims.buildManifest ?? '');
    }
    await checkFiles(job, { text, manifest }, (name) => name);
    await checkExtra(job, '.', manifest, [REPORTS]);
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
  const own = (await readSmall(job.reader, first, 1)) !== undefined;
  await checkFiles(job, { text, manifest }, (file) => (own ? `${directory}/${file}` : file));
  if (!own) return undefined;
  await checkManifest(job, copy, text);
  await checkExtra(job, directory, manifest);
  return directory;
}

async function checkCopy({ reader, add }: Job, file: string, token: string): Promise<void> {
  const found = (await readSmall(reader, file, MAX_TOKEN))?.toString().trim();
  add(file, 'signature', found === token ? undefined : 'it is not the published token', 'as published');
}

/** An old release; it may have expired. One without a token is no release: it was not finished, or not removed as a whole. */
async function checkKept(job: Job, name: string, directory: string): Promise<void> {
  const file = `${directory}/${tokenFile(name)}`;
  const there = async (path: string) => (await readSmall(job.reader, path, 1)) !== undefined;
  if (!(await there(file)) || (await there(`${directory}/${IN_PROGRESS}`))) return;
  const signed = await checkToken(job, file, { anyTime: true });
  if (signed === undefined) return;
  const text = signed.claims.buildManifest ?? '';
  const manifest = parseManifest(text);
  const fits = manifest?.name === name && pathsOf(text, manifest).directory === directory;
  if (!fits || manifest === undefined) return job.add(file, 'manifest', 'it is the token of another release');
  await checkManifest(job, `${directory}/${MANIFEST}`, text);
  await checkFiles(job, { text, manifest }, (artifact) => `${directory}/${artifact}`);
  await checkExtra(job, directory, manifest);
}
