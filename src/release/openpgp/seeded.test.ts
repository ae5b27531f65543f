import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededSigner } from './seeded.ts';

let dir = '';
beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'osmith-test-'))));
afterAll(() => rmSync(dir, { recursive: true }));

function put(name: string, data: Buffer | string): string {
  writeFileSync(join(dir, name), data);
  return join(dir, name);
}
function verify(keyring: Buffer, signature: string, data: Buffer) {
  const files = [put('key', keyring), put('sig', signature), put('data', data)] as const;
  return spawnSync('gpgv', ['--keyring', ...files], { encoding: 'utf8' }).status;
}

test('gpg reads the key and takes its signatures, and none of other data or of another key', () => {
  // Several, since numbers lose zeros in front.
  for (let i = 0; i < 20; i += 1) {
    const signer = seededSigner(`seed ${i}`, 'A mirror', 1_700_000_000);
    const data = Buffer.from(`data ${i}`);
    const signature = signer.sign(data);
    expect(verify(signer.keyring, signature, data)).toBe(0);
    expect(seededSigner(`seed ${i}`, 'A mirror', 1_700_000_000).sign(data)).toEqual(signature);
    expect(verify(signer.keyring, signature, Buffer.from('other'))).toBe(1);
    expect(verify(seededSigner('other', 'A mirror', 1_700_000_000).keyring, signature, data)).toBe(2);
  }
  const { keyring } = seededSigner('seed', 'A mirror', 1_700_000_000);
  const home = ['--homedir', dir, '--batch', '--no-tty', '--with-colons'];
  const shown = execFileSync('gpg', [...home, '--show-keys', put('key', keyring)], { encoding: 'utf8' });
  expect(shown).toMatch(/^pub:-:255:22:[0-9A-F]{16}:1700000000:::-:::scSC/m);
  expect(shown).toContain(':A mirror:');
});
