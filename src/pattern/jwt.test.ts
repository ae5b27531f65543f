import { execFileSync, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { readClaims, signJwt, verifyJwt } from './jwt.ts';
import { formatKey, generateKey, keyObject, publicKeyOf } from './keys.ts';
import type { Claims, Key } from './types.ts';

const dir = mkdtempSync(join(tmpdir(), 'osmith-jwt-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const NOW = 1_800_000_000_000;
const claims: Claims = {
  ...{
    iat: NOW / 1000 - 10,
    nbf: NOW / 1000 - 10,
    exp: NOW / 1000 + 1000,
    aud: ['fleet'],
    iss: 'me',
    jti: '1',
    sub: 's',
  },
  ...{
    buildManifest: '{"name":"x"}',
    pattern: { entrypoint: 'm', files: { m: '{}' } },
    runVars: { a: 1 },
    osmithVersion: '1',
  },
};
const keys = {
  ed25519: generateKey('ed25519', 'a'),
  ecp256: generateKey('ecp256', 'b'),
  rsa: generateKey('rsa', 'c'),
};
const ALL = Object.entries(keys) as [Key['algorithm'], Key][];

function pem(key: Key): string {
  const file = join(dir, `${key.kind}-${key.algorithm}-${key.id}.pem`);
  writeFileSync(
    file,
    keyObject(key).export({ format: 'pem', type: key.kind === 'private' ? 'pkcs8' : 'spki' }),
    { mode: 0o600 },
  );
  return file;
}

const base64url = (value: string | object) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** The two numbers of an ECDSA signature as OpenSSL wants them. */
function asDer(raw: Buffer): Buffer {
  const number = (bytes: Buffer) => {
    let start = 0;
    while (start < bytes.length - 1 && bytes[start] === 0) start++;
    const rest = bytes.subarray(start);
    const positive = rest[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), rest]) : rest;
    return Buffer.concat([Buffer.from([2, positive.length]), positive]);
  };
  const both = Buffer.concat([number(raw.subarray(0, 32)), number(raw.subarray(32))]);
  return Buffer.concat([Buffer.from([0x30, both.length]), both]);
}

async function refusal(
  token: string,
  options: Partial<Parameters<typeof verifyJwt>[1]> = {},
): Promise<string> {
  try {
    await verifyJwt(token, { keys: [publicKeyOf(keys.ed25519)], now: NOW, ...options });
  } catch (error) {
    expect(error).toMatchObject({ code: 'E_SIGNATURE' });
    return (error as Error).message;
  }
  return 'accepted';
}

test.each(ALL)('%s: a token verifies here, and with OpenSSL', async (algorithm, key) => {
  const token = await signJwt(claims, key);
  const text = formatKey(publicKeyOf(key));
  expect(
    await verifyJwt(token, { keys: [text], now: NOW, audience: 'fleet', rule: 'claims.sub == "s"' }),
  ).toEqual(claims);
  expect(readClaims(token)).toEqual(claims);

  const [header, payload, signature] = token.split('.') as [string, string, string];
  const alg = { ed25519: 'EdDSA', ecp256: 'ES256', rsa: 'RS256' }[algorithm];
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg, typ: 'JWT', kid: key.id });
  const raw = Buffer.from(signature, 'base64url');
  writeFileSync(join(dir, 'in'), `${header}.${payload}`);
  writeFileSync(join(dir, 'sig'), algorithm === 'ecp256' ? asDer(raw) : raw);
  const key_ = pem(publicKeyOf(key));
  const argv =
    algorithm === 'ed25519'
      ? ['pkeyutl', '-verify', '-pubin', '-inkey', key_, '-rawin', '-in', 'in', '-sigfile', 'sig']
      : ['dgst', '-sha256', '-verify', key_, '-signature', 'sig', 'in'];
  expect(execFileSync('openssl', argv, { cwd: dir, encoding: 'utf8' })).toMatch(
    /Verified OK|Verified Successfully/,
  );
});

test.each(ALL)('%s: signing and verifying are left to commands', async (algorithm, key) => {
  const file = pem(key);
  const dgst = ['sh', '-c', `openssl dgst -sha256 -sign ${file}`];
  const raw = [
    'sh',
    '-c',
    `cat >${dir}/tosign && openssl pkeyutl -sign -inkey ${file} -rawin -in ${dir}/tosign`,
  ];
  const argv = algorithm === 'ed25519' ? raw : dgst;
  const token = await signJwt(claims, { argv, publicKey: publicKeyOf(key) });
  expect(await verifyJwt(token, { keys: [publicKeyOf(key)], now: NOW })).toEqual(claims);

  const other = { argv, publicKey: publicKeyOf(generateKey(algorithm)) };
  await expect(signJwt(claims, other)).rejects.toMatchObject({ code: 'E_KEY' });
  await expect(
    signJwt(claims, { ...other, argv: ['sh', '-c', 'echo no HSM >&2; exit 3'] }),
  ).rejects.toMatchObject({
    message: 'The signing command failed with exit code 3',
    details: { tail: ['no HSM'] },
  });

  const command = { argv: ['sh', '-c', `grep -qxF ${token}`] };
  expect(await verifyJwt(token, { keys: [command], now: NOW })).toEqual(claims);
  // In the middle of the signature: its end may be the same letters by chance.
  const at = token.length - 20;
  const altered = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
  expect(await refusal(altered, { keys: [command], now: NOW })).not.toBe('accepted');
  expect(await refusal(token, { keys: [command], now: NOW + 2e6 })).toMatch(/expired/);
});

test('tokens of an independent implementation verify', async (context) => {
  const code = `
import base64, json, sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key
key = load_pem_private_key(open(sys.argv[1], 'rb').read(), None)
part = lambda data: base64.urlsafe_b64encode(data).rstrip(b'=')
signed = part(json.dumps({'typ': 'JWT', 'alg': 'EdDSA'}).encode()) + b'.' + part(json.dumps({'sub': 'py'}).encode())
print((signed + b'.' + part(key.sign(signed))).decode(), end='')`;
  const made = spawnSync('python3', ['-c', code, pem(keys.ed25519)], { encoding: 'utf8' });
  if (made.status !== 0) context.skip('python3 with cryptography is not there');
  expect(await verifyJwt(made.stdout, { keys: [publicKeyOf(keys.ed25519)], now: NOW })).toEqual({
    sub: 'py',
  });
});

test('no byte of a token can be changed', async () => {
  const token = await signJwt({ exp: claims.exp, sub: 'x' }, keys.ed25519);
  const bytes = Buffer.from(token);
  const changed = (at: number, byte: number) => {
    const copy = Buffer.from(bytes);
    copy[at] = byte;
    return copy.toString('latin1');
  };
  for (const at of bytes.keys())
    for (const bit of [1, 2, 4, 8, 16, 32])
      expect(await refusal(changed(at, bytes[at]! ^ bit))).not.toBe('accepted');
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(127), async (at, byte) => {
      fc.pre(byte !== bytes[at]);
      expect(await refusal(changed(at, byte))).not.toBe('accepted');
    }),
  );
  for (const other of [`${token}\n`, ` ${token}`, `${token}=`, `${token}.`, token.slice(0, -1), `${token}A`])
    expect(await refusal(other)).not.toBe('accepted');
});

test('the token does not choose how it is verified', async () => {
  const payload = base64url(claims);
  const publicDer = publicKeyOf(keys.rsa).der;
  const hmac = (secret: Uint8Array | string, header: object) => {
    const signed = `${base64url(header)}.${payload}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  const all = Object.values(keys).map(publicKeyOf);
  const spki = keyObject(publicKeyOf(keys.rsa)).export({ format: 'pem', type: 'spki' });
  const [, , signature] = (await signJwt(claims, keys.ed25519)).split('.') as [string, string, string];
  const forged = [
    `${base64url({ alg: 'none' })}.${payload}.`,
    `${base64url({ alg: 'None', kid: 'a' })}.${payload}.${signature}`,
    hmac(publicDer, { alg: 'HS256', kid: 'c' }),
    hmac(spki, { alg: 'HS256' }),
    hmac(publicDer, { alg: 'RS256', kid: 'c' }),
    `${base64url({ alg: 'ES256', kid: 'b' })}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
    `${base64url({ alg: 'EdDSA', kid: 'a', jwk: { kty: 'OKP' } })}.${payload}.${signature}`,
    `${base64url({ alg: 'EdDSA', kid: 'a', crit: ['x'], x: 1 })}.${payload}.${signature}`,
    `${base64url({ kid: 'a' })}.${payload}.${signature}`,
  ];
  for (const token of forged) expect(await refusal(token, { keys: all })).not.toBe('accepted');
});

test('keys, times, audience and rule', async () => {
  const token = await signJwt(claims, keys.ed25519);
  const stranger = generateKey('ed25519', 'a');
  expect(await refusal(token, { keys: [] })).toMatch(/no key/);
  expect(await refusal(token, { keys: [publicKeyOf(stranger)] })).toBe(
    'The signature of the token does not hold',
  );
  expect(await refusal(token, { keys: [{ ...publicKeyOf(keys.ed25519), id: 'z' }] })).toMatch(
    /^No key that is trusted/,
  );
  expect(await refusal(token, { keys: [keys.ed25519] })).toMatch(/^No key that is trusted/);
  expect(await refusal(token, { keys: [publicKeyOf(stranger), publicKeyOf(keys.ed25519)] })).toBe('accepted');
  expect(await refusal(token, { now: claims.exp! * 1000 })).toMatch(/^The token expired on 2027-/);
  expect(await refusal(token, { now: claims.exp! * 1000 - 1 })).toBe('accepted');
  expect(await refusal(token, { now: claims.nbf! * 1000 - 1 })).toMatch(/^The token is not valid before/);
  expect(await refusal(token, { now: 0 })).toMatch(/this machine has 1970-01-01/);
  expect(await refusal(token, { audience: 'other' })).toBe('The token is not for other');
  expect(await refusal(await signJwt({}, keys.ed25519), { audience: 'fleet' })).toBe(
    'The token is not for fleet',
  );
  expect(await refusal(token, { rule: 'claims.iss == "me" && std.member(claims.aud, "fleet")' })).toBe(
    'accepted',
  );
  expect(await refusal(token, { rule: 'claims.iss == "you"' })).toMatch(/does not satisfy/);
  expect(await refusal(token, { rule: '1' })).toMatch(/does not satisfy/);
  expect(await refusal(token, { rule: 'claims.missing' })).toMatch(/cannot be evaluated/);
});

test('malformed tokens are refused, whatever they are made of', async () => {
  const signed = async (payload: unknown) => signJwt(payload as Claims, keys.ed25519);
  expect(await refusal(await signed({ exp: 'tomorrow' }))).toBe('The claim exp of the token is malformed');
  expect(await refusal(await signed({ pattern: { files: {} } }))).toMatch(/claim pattern/);
  expect(await refusal(await signed([1]))).toMatch(/not a JSON object/);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        fc.base64String().map((text) => `${text}.${text}.${text}`),
      ),
      async (token) => {
        expect(await refusal(token)).not.toBe('accepted');
      },
    ),
  );
});
