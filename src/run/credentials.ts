/**
 * Credentials of the user: files of one directory, handed only to the steps that declare them. They are copied into the
 * memory of the sandbox; nothing of them is an input of a step, and what steps print and make is searched for them.
 */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { isSystemError, OsmithError } from '../errors.ts';
import type { Plan } from '../plan/types.ts';

/** Where they are in the sandbox. */
export const CREDENTIALS_DIR = '/run/credentials';

/** File names, as the Endless image builder has them in its own directory. */
const FILES: Record<string, string[]> = {
  ssh: ['ssh-key.pem', 'known_hosts'],
  aws: ['aws-credentials'],
  netrc: ['netrc'],
  gpg: ['gnupg'],
};

/** Public: it says which servers to trust. */
const OPEN = ['known_hosts'];

export function credentialFiles(names: readonly string[]): string[] {
  return names.flatMap((name) => FILES[name]!);
}

/** The variables by which programs find the credentials, which are in `dir`. */
export function credentialEnv(names: readonly string[], dir: string): Record<string, string> {
  const options = [
    ...['-F', 'none', '-i', `${dir}/ssh-key.pem`, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes'],
    ...['-o', `UserKnownHostsFile=${dir}/known_hosts`, '-o', 'StrictHostKeyChecking=yes'],
  ].join(' ');
  const env: Record<string, Record<string, string>> = {
    ssh: {
      OSMITH_SSH_OPTIONS: options,
      EIB_SSH_OPTIONS: options,
      GIT_SSH_COMMAND: `ssh ${options}`,
      RSYNC_RSH: `ssh ${options}`,
    },
    aws: { AWS_SHARED_CREDENTIALS_FILE: `${dir}/aws-credentials` },
    netrc: { NETRC: `${dir}/netrc` },
    gpg: { GNUPGHOME: `${dir}/gnupg` },
  };
  return Object.assign({}, ...names.map((name) => env[name])) as Record<string, string>;
}

function missingHint(file: string): string {
  return file === 'known_hosts'
    ? 'It names the servers to trust: ssh-keyscan HOST prints such lines; compare them with what the server’s owner says'
    : 'Put it there, or set credentials.dir to the directory that has it';
}

async function fileFault(dir: string, file: string, needed: string): Promise<OsmithError | undefined> {
  const path = join(dir, file);
  const fault = (message: string, hint: string) =>
    new OsmithError('E_CREDENTIAL', message, { where: { file: path }, hint });
  try {
    const { mode, uid } = await stat(path);
    if (!OPEN.includes(file) && mode & 0o077) {
      const octal = (mode & 0o777).toString(8);
      return fault(`Others may read ${file} (mode ${octal}), a credential of ${needed}`, `chmod go= ${path}`);
    }
    const own = userInfo().uid;
    if (uid === own || uid === 0 || OPEN.includes(file)) return undefined;
    return fault(`${file}, a credential of ${needed}, belongs to another user`, `chown ${own} ${path}`);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const what = error.code === 'ENOENT' ? `${needed} needs ${file}, which is not there` : error.message;
    return fault(what, missingHint(file));
  }
}

/** Checks all credentials that steps of a plan declare. Throws every fault at once. */
export async function checkCredentials({ steps }: Plan, dir: string): Promise<void> {
  const needed = new Map<string, string>();
  for (const { id, credentials = [] } of steps) {
    for (const file of credentialFiles(credentials)) if (!needed.has(file)) needed.set(file, id);
  }
  const checks = [...needed].map(([file, step]) => fileFault(dir, file, step));
  const [first, ...also] = (await Promise.all(checks)).filter((fault) => fault !== undefined);
  if (first !== undefined) throw new OsmithError(first.code, first.message, { ...first.details, also });
}

/** Texts that must not appear anywhere: lines of the key, passwords, secret keys and tokens. */
export function secretTexts(file: string, text: string): string[] {
  const patterns: Record<string, RegExp> = {
    'ssh-key.pem': /^(?!-----)(\S{16,})$/gm,
    'aws-credentials': /^\s*\w*(?:secret|token|key)\w*\s*=\s*(\S{8,})/gim,
    netrc: /\b(?:password|account)\s+(\S{4,})/g,
  };
  const pattern = patterns[file];
  return pattern === undefined ? [] : [...text.matchAll(pattern)].map(([, secret]) => secret!);
}

export async function readSecrets(dir: string, names: readonly string[]): Promise<string[]> {
  const files = credentialFiles(names).filter((file) => file !== 'gnupg');
  const texts = files.map(async (file) => secretTexts(file, await readFile(join(dir, file), 'utf8')));
  return (await Promise.all(texts)).flat();
}

/** Whether a file holds one of the texts as it is. */
export async function holdsSecret(file: string, secrets: readonly string[]): Promise<boolean> {
  if (secrets.length === 0) return false;
  const overlap = Math.max(...secrets.map((secret) => Buffer.byteLength(secret))) - 1;
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    const data = Buffer.concat([rest, chunk]);
    if (secrets.some((secret) => data.includes(secret))) return true;
    rest = Buffer.from(data.subarray(Math.max(0, data.length - overlap)));
  }
  return false;
}
