/** Keys: `ALGORITHMKIND:BASE64:ID`, such as `ed25519public:MCow…:deploy`. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { constants } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { isSystemError, OsmithError } from '../errors.ts';
import type { Key } from './types.ts';

/** Short keys can be computed from their public halves. */
const MIN_RSA_BITS = 2048;
const RSA_BITS = 3072;

export const SIGNATURE_ALGORITHMS: Record<Key['algorithm'], 'EdDSA' | 'ES256' | 'RS256'> = {
  ed25519: 'EdDSA',
  ecp256: 'ES256',
  rsa: 'RS256',
};

/** Never quotes a text: it may be a private key. */
function keyError(message: string, cause?: unknown): OsmithError {
  const hint = 'A key is one line: ed25519public:BASE64:ID; `osmith keys generate` makes a pair';
  return new OsmithError('E_KEY', message, { hint, cause });
}

/** Throws E_KEY, without quoting the text: it may be a private key. */
export function parseKey(text: string): Key {
  const match =
    /^(ed25519|ecp256|rsa\d*)\+?(private|public):([A-Za-z0-9+/]+={0,2})(?::([^:\s]{1,200}))?$/.exec(
      text.trim(),
    );
  if (match === null) throw keyError('This is not a key in a form that is known');
  const [, name = '', kind = '', base64 = '', id] = match;
  const algorithm = name.startsWith('rsa') ? 'rsa' : (name as 'ed25519' | 'ecp256');
  const der = Uint8Array.from(Buffer.from(base64, 'base64'));
  const key: Key = { algorithm, kind: kind as Key['kind'], der, id: id ?? '' };
  checkType(keyObject(key), algorithm);
  return id === undefined ? { ...key, id: fingerprint(key) } : key;
}

function checkType(
  { asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject,
  algorithm: Key['algorithm'],
): void {
  const fits = {
    ed25519: type === 'ed25519',
    ecp256: type === 'ec' && details?.namedCurve === 'prime256v1',
    rsa: type === 'rsa',
  }[algorithm];
  if (!fits) throw keyError(`The key says that it is ${algorithm}, and is not`);
  if (algorithm === 'rsa' && (details?.modulusLength ?? 0) < MIN_RSA_BITS)
    throw keyError(`The RSA key has ${details?.modulusLength} bits; at least ${MIN_RSA_BITS} are needed`);
}

/** The key as node:crypto and jose take it. */
export function keyObject({ kind, der }: Key): KeyObject {
  const source = { key: Buffer.from(der), format: 'der' as const };
  try {
    return kind === 'private'
      ? createPrivateKey({ ...source, type: 'pkcs8' })
      : createPublicKey({ ...source, type: 'spki' });
  } catch {
    throw keyError(`The ${kind} key is damaged`); // without the cause, which may quote it
  }
}

export function formatKey(key: Key): string {
  const bits = key.algorithm === 'rsa' ? (keyObject(key).asymmetricKeyDetails?.modulusLength ?? '') : '';
  return `${key.algorithm}${bits}${key.kind}:${Buffer.from(key.der).toString('base64')}:${key.id}`;
}

/** Names a pair by its public half. */
function fingerprint(key: Key): string {
  return createHash('sha256').update(publicDer(key)).digest('base64url').slice(0, 10);
}

function publicDer(key: Key): Buffer {
  const object = keyObject(key);
  return (key.kind === 'public' ? object : createPublicKey(object)).export({ format: 'der', type: 'spki' });
}

export function publicKeyOf(key: Key): Key {
  return { ...key, kind: 'public', der: Uint8Array.from(publicDer(key)) };
}

/** A new private key; without a name it is named by its fingerprint. */
export function generateKey(algorithm: Key['algorithm'], id?: string): Key {
  const privateKey = {
    ed25519: () => generateKeyPairSync('ed25519').privateKey,
    ecp256: () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey,
    rsa: () => generateKeyPairSync('rsa', { modulusLength: RSA_BITS }).privateKey,
  }[algorithm]();
  const der = Uint8Array.from(privateKey.export({ format: 'der', type: 'pkcs8' }));
  const key: Key = { algorithm, kind: 'private', der, id: id ?? '' };
  if (id !== undefined && !/^[^:\s]{1,200}$/.test(id))
    throw new OsmithError('E_USAGE', 'The name of a key must not contain colons or white space');
  return id === undefined ? { ...key, id: fingerprint(key) } : key;
}

/** Writes a pair: the private half for its owner alone. Never over a file that exists: it may be the only copy. */
export async function writeKeyPair(key: Key, privateFile: string, publicFile: string): Promise<void> {
  await writeNew(privateFile, formatKey(key), 0o600);
  await writeNew(publicFile, formatKey(publicKeyOf(key)), 0o644);
}

async function writeNew(file: string, text: string, mode: number): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(file, flags, mode).catch((error: unknown) => {
    const exists = isSystemError(error) && error.code === 'EEXIST';
    throw new OsmithError(
      'E_KEY',
      exists ? `${file} exists` : `Cannot write ${file}: ${(error as Error).message}`,
      {
        hint: exists ? 'A key is never written over another: name a new file' : undefined,
      },
    );
  });
  try {
    await handle.chmod(mode); // whatever the umask says
    await handle.writeFile(`${text}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Reads a file with one key. A private key that others can read is refused. */
export async function readKeyFile(file: string): Promise<Key> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new OsmithError('E_KEY', `Cannot read the key: ${(error as Error).message}`, {
      hint: '`osmith keys generate NAME` makes a pair',
    });
  });
  const key = parseKey(text);
  const { mode } = await stat(file);
  if (key.kind === 'private' && (mode & 0o077) !== 0)
    throw new OsmithError('E_KEY', `${file} is a private key that others may read`, {
      hint: `Run: chmod 600 ${file}. If others had access, make a new key`,
    });
  return key;
}
