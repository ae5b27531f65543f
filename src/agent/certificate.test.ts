import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { selfSigned } from './certificate.ts';

test('openssl takes the certificate for what it is meant to be', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'osmith-certificate-'));
  try {
    const { certificate, key, fingerprint } = selfSigned('osmith-agent');
    const file = join(dir, 'certificate.pem');
    await writeFile(file, certificate);
    await writeFile(join(dir, 'key.pem'), key);
    const { stdout: text } = await execa('openssl', [
      'x509',
      '-in',
      file,
      '-noout',
      '-text',
      '-fingerprint',
      '-sha256',
    ]);
    expect(text).toContain('Version: 3 (0x2)');
    expect(text).toContain('Signature Algorithm: ecdsa-with-SHA256');
    expect(text).toContain('Issuer: CN = osmith-agent');
    expect(text).toContain('Not Before: Jan  1 00:00:00 1970 GMT');
    expect(text).toContain('Not After : Dec 31 23:59:59 9999 GMT');
    expect(text).toContain('DNS:osmith-agent');
    expect(text).toContain(fingerprint);
    const verified = await execa(
      'openssl',
      ['verify', '-x509_strict', '-check_ss_sig', '-CAfile', file, file],
      { reject: false },
    );
    // Strictness complains at most of what end certificates need not have, never of the signature.
    expect(verified.exitCode === 0 || !/signature|asn1|encoding/i.test(verified.stderr)).toBe(true);
    expect((await execa('openssl', ['verify', '-check_ss_sig', '-CAfile', file, file])).stdout).toContain(
      'OK',
    );
    const { stdout: asn1 } = await execa('openssl', ['asn1parse', '-in', file]);
    expect(asn1).not.toContain('Error');
    expect(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))).toBe(true);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('every one is another, with a serial number that is positive and not longer than 20 bytes', () => {
  const serials = Array.from(
    { length: 20 },
    () => new X509Certificate(selfSigned('a').certificate).serialNumber,
  );
  expect(new Set(serials).size).toBe(20);
  for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
});
