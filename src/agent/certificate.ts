/**
 * A self-signed certificate, which Node cannot make: a minimal writer of DER (ITU-T X.690) for the few types that an
 * X.509 certificate (RFC 5280, 4.1) of one P-256 key needs. Tests compare it with openssl.
 */
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { randomData } from '../env.ts';

function der(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const size = body.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const sequence = (...content: Uint8Array[]) => der(0x30, ...content);
const set = (...content: Uint8Array[]) => der(0x31, ...content);
const integer = (value: Uint8Array) => der(0x02, value);
const text = (value: string) => der(0x0c, Buffer.from(value));
const explicit = (tag: number, ...content: Uint8Array[]) => der(0xa0 | tag, ...content);
const bits = (value: Uint8Array) => der(0x03, Buffer.from([0]), value);
const octets = (value: Uint8Array) => der(0x04, value);

/** An object identifier. */
function oid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  const bytes = [first! * 40 + second!];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let value = part >>> 7; value > 0; value >>>= 7) groups.unshift((value & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const COMMON_NAME = '2.5.4.3';
const ALT_NAME = '2.5.29.17';

/**
 * Valid at any time: the machine's clock may be wrong, and the key lives no longer than the process.
 * RFC 5280, 4.1.2.5: UTCTime up to 2049, GeneralizedTime after; 9999 means "no end".
 */
const VALIDITY = sequence(der(0x17, Buffer.from('700101000000Z')), der(0x18, Buffer.from('99991231235959Z')));

export interface Certificate {
  /** PEM. */
  certificate: string;
  /** PEM. */
  key: string;
  /** SHA-256 of the certificate, for those who want to compare. */
  fingerprint: string;
}

export function selfSigned(name: string): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = sequence(set(sequence(oid(COMMON_NAME), text(name))));
  // Positive, and not zero in front: the first byte is 0x40 to 0x7f.
  const serial = randomData(16);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const altName = sequence(oid(ALT_NAME), octets(sequence(der(0x82, Buffer.from(name)))));
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))), // version 3
    integer(serial),
    ECDSA_SHA256,
    subject, // issuer
    VALIDITY,
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(altName)),
  );
  const certificate = new X509Certificate(
    sequence(body, ECDSA_SHA256, bits(sign('sha256', body, privateKey))),
  );
  return {
    certificate: certificate.toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    fingerprint: certificate.fingerprint256,
  };
}
