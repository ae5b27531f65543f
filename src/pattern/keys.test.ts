import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { formatKey, generateKey, parseKey, publicKeyOf, readKeyFile, writeKeyPair } from './keys.ts';
import type { Key } from './types.ts';

const dir = mkdtempSync(join(tmpdir(), 'osmith-keys-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each(['ed25519', 'ecp256', 'rsa'] as const)(
  '%s keys are text and back, and OpenSSL reads them',
  (algorithm) => {
    const key = generateKey(algorithm);
    for (const each of [key, publicKeyOf(key)]) {
      const text = formatKey(each);
      const name = algorithm === 'rsa' ? 'rsa3072' : algorithm;
      expect(text).toMatch(new RegExp(`^${name}${each.kind}:[A-Za-z0-9+/]+=*:[\\w-]{10}$`));
      expect(parseKey(` ${text}\n`)).toEqual(each);
      expect(parseKey(text.replace(/:[\w-]{10}$/, ''))).toEqual(each); // named by its fingerprint again
      const input = Buffer.from(text.split(':')[1]!, 'base64');
      const side = each.kind === 'public' ? ['-pubin'] : [];
      execFileSync('openssl', ['pkey', ...side, '-inform', 'DER', '-noout'], { input });
    }
  },
);

test('private keys are for their owner alone, and never overwritten', async () => {
  const before = process.umask(0);
  const pair = [join(dir, 'a.key'), join(dir, 'a.pub')] as const;
  try {
    await writeKeyPair(generateKey('ed25519', 'x'), ...pair);
  } finally {
    process.umask(before);
  }
  expect(statSync(pair[0]).mode & 0o777).toBe(0o600);
  const kept = readFileSync(pair[0], 'utf8');
  await expect(writeKeyPair(generateKey('ed25519'), ...pair)).rejects.toMatchObject({
    code: 'E_KEY',
    message: `${pair[0]} exists`,
  });
  expect(readFileSync(pair[0], 'utf8')).toBe(kept);
  symlinkSync(join(dir, 'elsewhere'), join(dir, 'link.key'));
  await expect(writeKeyPair(generateKey('ed25519'), join(dir, 'link.key'), pair[1])).rejects.toMatchObject({
    code: 'E_KEY',
  });

  expect((await readKeyFile(pair[0])).kind).toBe('private');
  chmodSync(pair[0], 0o640);
  await expect(readKeyFile(pair[0])).rejects.toMatchObject({
    code: 'E_KEY',
    message: expect.stringMatching(/others may read/) as string,
  });
});

/** Texts that are no keys. All hold the secret part of one. */
function damaged(key: Key): string[] {
  const [head = '', base64 = ''] = formatKey(key).split(':');
  return [
    `${head}:${base64.slice(0, -8)}:x`,
    `${head.replace('private', 'public')}:${base64}:x`,
    `${head.replace('ed25519', 'ecp256')}:${base64}:x`,
    `${head}${base64}`,
    `${head}:${base64}:with space`,
    `dsa${head}:${base64}:x`,
  ];
}

test('what is no key is refused without being quoted', () => {
  const key = generateKey('ed25519', 'x');
  const secret = Buffer.from(key.der).toString('base64').slice(24, 50);
  for (const text of damaged(key)) {
    expect(text).toContain(secret);
    try {
      parseKey(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'E_KEY' });
      expect(inspect(error, { depth: 9 })).not.toContain(secret);
    }
  }
});

test('weak keys are refused', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const der = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
  expect(() => parseKey(`rsa1024private:${der}:x`)).toThrow(/1024 bits; at least 2048/);
});
