/** Which keys of a ring count: apt 3.0 takes what a key has signed before it expired, so expired ones are taken out. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { now } from '../../env.ts';
import { OsmithError } from '../../errors.ts';
import { publicKeys } from '../../flatpak/openpgp.ts';
import type { StepContext } from '../../steps/types.ts';

/** A packet (RFC 9580, 4.2) with its header: `raw`. */
interface Packet {
  tag: number;
  body: Buffer;
  raw: Buffer;
}

/** A key with what follows it: names and signatures. */
type Part = [key: Packet, ...rest: Packet[]];

const [SIGNATURE, PRIMARY, SUBKEY] = [2, 6, 14];
/** Types of signatures: those in which a key says what holds for itself, of which one need not say it, and those that revoke. */
const OWN = [0x10, 0x11, 0x12, 0x13, 0x18, 0x1f];
const DIRECT = 0x1f;
const REVOKING = [0x20, 0x28];
const [MADE, EXPIRES, ISSUER, ISSUER_FINGERPRINT] = [2, 9, 16, 33];

/** The length of a body or of a subpacket at a place, and how many bytes say so. */
function newLength(data: Buffer, at: number): [length: number, size: number] {
  const first = data.readUInt8(at);
  if (first < 192) return [first, 1];
  if (first === 255) return [data.readUInt32BE(at + 1), 5];
  return [((first - 192) << 8) + data.readUInt8(at + 1) + 192, 2];
}

function oldLength(data: Buffer, at: number): [length: number, size: number] {
  const size = [1, 2, 4][data.readUInt8(at - 1) & 3];
  if (size === undefined) throw new RangeError('no length');
  return [data.readUIntBE(at, size), size];
}

function packets(data: Buffer): Packet[] {
  const found: Packet[] = [];
  for (let at = 0; at < data.length;) {
    const first = data.readUInt8(at);
    if ((first & 0x80) === 0) throw new RangeError('no packet');
    const isNew = (first & 0x40) !== 0;
    const [length, size] = isNew ? newLength(data, at + 1) : oldLength(data, at + 1);
    const [start, end] = [at + 1 + size, at + 1 + size + length];
    if (end > data.length) throw new RangeError('cut off');
    const tag = isNew ? first & 0x3f : (first >> 2) & 0xf;
    found.push({ tag, body: data.subarray(start, end), raw: data.subarray(at, end) });
    at = end;
  }
  return found;
}

/** Subpackets of a version 4 signature, by their types. */
function subpackets(body: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  let at = 4;
  for (let area = 0; area < 2; area++) {
    const end = at + 2 + body.readUInt16BE(at);
    for (at += 2; at < end;) {
      const [length, size] = newLength(body, at);
      const start = at + size;
      const type = body.readUInt8(start) & 0x7f;
      if (!found.has(type)) found.set(type, body.subarray(start + 1, start + length));
      at = start + length;
    }
  }
  return found;
}

function keyId({ body }: Packet): string {
  const length = Buffer.from([0x99, body.length >> 8, body.length & 0xff]);
  return createHash('sha1').update(length).update(body).digest('hex').slice(-16);
}

/** Whether a key, by what `primary` has signed of it, is neither expired nor revoked. Only version 4 is known here. */
function isValid([key, ...rest]: Part, primary: Packet, at: number): boolean {
  const signatures = rest.filter(({ tag, body }) => tag === SIGNATURE && body[0] === 4);
  if (key.body[0] !== 4 || signatures.some(({ body }) => REVOKING.includes(body[1]!))) return false;
  const id = keyId(primary);
  const newest = signatures
    .filter(({ body }) => OWN.includes(body[1]!))
    .map(({ body }) => ({ type: body[1], own: subpackets(body) }))
    .filter(({ type, own }) => type !== DIRECT || own.has(EXPIRES))
    .map(({ own }) => own)
    .filter((own) => (own.get(ISSUER) ?? own.get(ISSUER_FINGERPRINT))?.toString('hex').endsWith(id))
    .sort((a, b) => (b.get(MADE)?.readUInt32BE() ?? 0) - (a.get(MADE)?.readUInt32BE() ?? 0))[0];
  const seconds = newest?.get(EXPIRES)?.readUInt32BE() ?? 0;
  return seconds === 0 || key.body.readUInt32BE(1) + seconds > at;
}

/** The keys of a ring that are valid at a time, seconds since the Unix epoch. Throws a RangeError for what is none. */
export function validKeys(ring: Buffer, at: number): Buffer {
  const parts: Part[] = [];
  for (const packet of packets(ring)) {
    if (packet.tag === PRIMARY || packet.tag === SUBKEY) parts.push([packet]);
    else parts.at(-1)?.push(packet);
  }
  let primary: Part | undefined;
  const valid = parts.filter((part) => {
    if (part[0].tag === PRIMARY) primary = isValid(part, part[0], at) ? part : undefined;
    return primary !== undefined && isValid(part, primary[0], at);
  });
  return Buffer.concat(valid.flat().map(({ raw }) => raw));
}

/** The file of a ring, a path in the sandbox. */
async function readRing(context: StepContext<unknown>, path: string): Promise<Buffer> {
  // One that is not there has no keys.
  await context.exec({ argv: ['cat', path], stdout: { file: 'apt/keyring' }, okCodes: [0, 1] });
  return publicKeys([await readFile(join(context.work, 'apt/keyring'))]);
}

function validIn(ring: Buffer, path: string): Buffer {
  try {
    if (ring.length > 0) return validKeys(ring, now() / 1000);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  const name = path.startsWith('/in/') ? 'The configured key ring' : path;
  throw new OsmithError('E_SIGNATURE', `${name} holds no OpenPGP public keys`, {
    hint: 'Name the file of the keys that sign the packages: bootstrap.keyring, of the tools tools.keyring',
  });
}

/** The valid keys of a ring, a path in the sandbox, as a file that apt reads: its path. */
export async function writeKeyring(context: StepContext<unknown>, path: string): Promise<string> {
  const valid = validIn(await readRing(context, path), path);
  if (valid.length === 0) {
    throw new OsmithError('E_SIGNATURE', 'The keys that sign the packages have expired', {
      hint: 'Name the file of newer ones: bootstrap.keyring, of the tools tools.keyring',
    });
  }
  await writeFile(join(context.work, 'apt/keys.gpg'), valid);
  return '/work/apt/keys.gpg';
}
