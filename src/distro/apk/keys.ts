/** RSA keys that sign indexes. A signature names its key by the name of a file. */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OsmithError } from '../../errors.ts';
import { firstStream } from './gzip.ts';
import { tarEntries } from './tar.ts';

/** Public keys as PEM by the names of their files. */
export type Keys = ReadonlyMap<string, string>;

const DIGESTS: Record<string, string> = { RSA: 'sha1', RSA256: 'sha256', RSA512: 'sha512' };
/** Bytes; signatures are read before anything is known to be good. */
const LARGEST = 1 << 20;

/** All keys of a directory, or the one of a file. Throws E_SIGNATURE for what is none. */
export async function readKeys(path: string): Promise<Keys> {
  const isDirectory = (await stat(path)).isDirectory();
  const names = isDirectory
    ? (await readdir(path)).filter((name) => name.endsWith('.pub'))
    : [basename(path)];
  const keys = new Map<string, string>();
  for (const name of names.sort()) {
    const pem = await readFile(join(isDirectory ? path : dirname(path), name), 'utf8');
    publicKey(name, pem);
    keys.set(name, pem);
  }
  if (keys.size > 0) return keys;
  throw new OsmithError('E_SIGNATURE', `There is no key in ${path}`, {
    hint: 'bootstrap.keyring names a public key, or a directory of them; their names end in .pub',
  });
}

function publicKey(name: string, pem: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // What is wrong with it is said below.
  }
  throw new OsmithError('E_SIGNATURE', `${name} is not a public RSA key`, {
    hint: 'bootstrap.keyring names files as they are in /etc/apk/keys: PEM, BEGIN PUBLIC KEY',
  });
}

function isSigned(signatures: Buffer, data: Buffer, keys: Keys): boolean {
  for (const { entry, body } of tarEntries(signatures)) {
    const [, kind = '', name = ''] = /^\.SIGN\.(\w+)\.(.+)$/.exec(entry.path) ?? [];
    const pem = keys.get(name);
    if (pem === undefined || !Object.hasOwn(DIGESTS, kind)) continue;
    if (verify(DIGESTS[kind], data, publicKey(name, pem), body)) return true;
  }
  return false;
}

/** What is behind the signatures in a file, if one of them is by one of the keys; undefined if none is. */
export function signedContent(file: Buffer, keys: Keys): Buffer | undefined {
  try {
    const { content, length } = firstStream(file, LARGEST);
    const data = file.subarray(length);
    return isSigned(content, data, keys) ? data : undefined;
  } catch (error) {
    if (error instanceof OsmithError) throw error;
    return undefined;
  }
}
