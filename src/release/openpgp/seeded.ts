/**
 * An OpenPGP key (RFC 4880, Ed25519) that follows from a seed, and detached signatures by it: what it signs is the same
 * whenever it is made again, which no key of gpg's is. It tells a program that wants a signature that files belong
 * together; who knows the seed can sign too.
 */
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';

const EDDSA = 22;
const SHA512 = 10;
const CURVE = Buffer.from('092b06010401da470f01', 'hex');
/** What comes before the 32 bytes of a secret key in PKCS #8. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

const BINARY_DOCUMENT = 0x00;
const POSITIVE_CERTIFICATION = 0x13;

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function packet(tag: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0xc0 | tag, 0xff]), u32(body.length), body]);
}

function subpacket(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([body.length + 1, type]), body]);
}

/** A number: its length in bits, and its bytes without zeros in front. */
function integer(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const used = bytes.subarray(start < 0 ? bytes.length : start);
  const bits = used.length === 0 ? 0 : used.length * 8 - Math.clz32(used[0]!) + 24;
  return Buffer.concat([u16(bits), used]);
}

/** CRC-24, which older programs want at the end of the text. */
function checksum(data: Buffer): Buffer {
  let crc = 0xb704ce;
  for (const byte of data) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x800000 ? (crc << 1) ^ 0x1864cfb : crc << 1;
  }
  return u32(crc & 0xffffff).subarray(1);
}

function armored(signature: Buffer): string {
  const lines = signature.toString('base64').match(/.{1,64}/g)!;
  return [
    '-----BEGIN PGP SIGNATURE-----',
    '',
    ...lines,
    `=${checksum(signature).toString('base64')}`,
    '-----END PGP SIGNATURE-----',
    '',
  ].join('\n');
}

export interface SeededSigner {
  /** A key ring with the public key. */
  keyring: Buffer;
  /** A detached signature, as text. */
  sign(data: Buffer): string;
}

/** `time`: of the key and of its signatures, seconds since the Unix epoch. */
export function seededSigner(seed: string, name: string, time: number): SeededSigner {
  const raw = createHash('sha256').update(`openpgp ${seed}`).digest();
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: 'der', type: 'pkcs8' });
  const point = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  const body = Buffer.concat([
    ...[Buffer.from([4]), u32(time), Buffer.from([EDDSA]), CURVE],
    integer(Buffer.concat([Buffer.from([0x40]), point])),
  ]);
  const hashed = Buffer.concat([Buffer.from([0x99]), u16(body.length), body]);
  const fingerprint = createHash('sha1').update(hashed).digest();

  function signature(type: number, data: Buffer, further: Buffer[] = []): Buffer {
    const subpackets = Buffer.concat([
      subpacket(2, u32(time)),
      subpacket(33, Buffer.concat([Buffer.from([4]), fingerprint])),
      ...further,
    ]);
    const head = Buffer.concat([
      ...[Buffer.from([4, type, EDDSA, SHA512]), u16(subpackets.length), subpackets],
    ]);
    const trailer = Buffer.concat([Buffer.from([4, 0xff]), u32(head.length)]);
    const digest = createHash('sha512').update(data).update(head).update(trailer).digest();
    const made = sign(null, digest, key);
    const issuer = subpacket(16, fingerprint.subarray(-8));
    const parts = [head, u16(issuer.length), issuer, digest.subarray(0, 2)];
    return packet(2, Buffer.concat([...parts, integer(made.subarray(0, 32)), integer(made.subarray(32))]));
  }

  const user = Buffer.from(name);
  const certified = Buffer.concat([hashed, Buffer.from([0xb4]), u32(user.length), user]);
  // It may certify and sign.
  const flags = subpacket(27, Buffer.from([3]));
  return {
    keyring: Buffer.concat([
      ...[packet(6, body), packet(13, user), signature(POSITIVE_CERTIFICATION, certified, [flags])],
    ]),
    sign: (data) => armored(signature(BINARY_DOCUMENT, data)),
  };
}
