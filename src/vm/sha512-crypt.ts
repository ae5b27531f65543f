/** sha512-crypt, the password hash `$6$` of /etc/shadow ("Unix crypt using SHA-256 and SHA-512", U. Drepper, 2008). */
import { createHash } from 'node:crypto';

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function sha512(...parts: Buffer[]): Buffer {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** `block` repeated and cut to a length. */
function stretch(block: Buffer, length: number): Buffer {
  return Buffer.alloc(length, block);
}

/** Steps 1 to 12: password, salt, and the alternate sum mixed by the bits of the password's length. */
function firstDigest(password: Buffer, salt: Buffer): Buffer {
  const alternate = sha512(password, salt, password);
  const parts = [password, salt, stretch(alternate, password.length)];
  for (let bits = password.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? alternate : password);
  return sha512(...parts);
}

/** Three bytes at a time as four characters, least significant first, in the order that step 22 asks for. */
function encode(digest: Buffer): string {
  const chars = (word: number, count: number) =>
    Array.from({ length: count }, (_, index) => ALPHABET[(word >> (6 * index)) & 63]).join('');
  let text = '';
  for (let index = 0; index < 21; index++) {
    const group = [index, index + 21, index + 42];
    const turn = index % 3;
    const [a, b, c] = [...group.slice(turn), ...group.slice(0, turn)].map((at) => digest[at]!);
    text += chars((a! << 16) | (b! << 8) | c!, 4);
  }
  return text + chars(digest[63]!, 2);
}

/**
 * The hash as it stands in /etc/shadow. `salt`: at most 16 characters of `./0-9A-Za-z`.
 * A random password of 128 bits needs no more than the least number of rounds.
 */
export function sha512Crypt(passwordText: string, saltText: string, rounds = 1000): string {
  const password = Buffer.from(passwordText);
  const salt = Buffer.from(saltText);
  let digest = firstDigest(password, salt);
  const p = stretch(sha512(...Array<Buffer>(password.length).fill(password)), password.length);
  const s = stretch(sha512(...Array<Buffer>(16 + digest[0]!).fill(salt)), salt.length);
  for (let round = 0; round < rounds; round++) {
    const odd = round % 2 === 1;
    const middle = [...(round % 3 === 0 ? [] : [s]), ...(round % 7 === 0 ? [] : [p])];
    digest = sha512(odd ? p : digest, ...middle, odd ? digest : p);
  }
  return `$6$rounds=${rounds}$${saltText}$${encode(digest)}`;
}
