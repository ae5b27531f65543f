import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratch } from '../disk/testing.ts';
import { looksLikeKey, publicKeys } from './openpgp.ts';
import { pullArgvs } from './pull.ts';
import { entryFault } from './ref.ts';
import { parseRepoFile } from './repo-file.ts';
import type { ResolvedRef } from './types.ts';

test.each([
  ['org.gnome.Maps', true],
  ['org.gnome.Maps//stable', true],
  ['org.gnome.Maps/x86_64/24.08-extra', true],
  ['org.gnome.Maps/x86_64/stable/x', false],
  ['Maps', false],
  ['', false],
  ['org.gnome.Maps/x y', false],
  ['-o.x', false],
])('entry %s: %s', (entry, good) => {
  expect(entryFault(entry) === undefined).toBe(good);
});

test('a .flatpakrepo file, however it is written; and what is none', () => {
  const text =
    '# by hand\r\n[Flatpak Repo]\r\nTitle = Hub\r\nUrl=https://x.example/a=b\r\nGPGKey=AAAA\r\nnonsense\r\n[Other]\nUrl=no\n';
  expect(parseRepoFile(text)).toEqual({
    title: 'Hub',
    url: 'https://x.example/a=b',
    key: 'AAAA',
    defaultBranch: '',
  });
  expect(parseRepoFile('<html>404</html>')).toBeUndefined();
});

test('public keys: armoured ones and binary ones are the same, several follow each other', () => {
  const dir = scratch();
  const home = join(dir, 'gnupg');
  mkdirSync(home, { mode: 0o700 });
  const gpg = (...args: string[]) => execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', ...args]);
  gpg('--passphrase', '', '--quick-gen-key', 'one <one@example.org>', 'ed25519', 'sign', 'never');
  gpg('--passphrase', '', '--quick-gen-key', 'two <two@example.org>', 'rsa2048', 'sign', 'never');
  const binary = gpg('--export');
  const armoured = ['one', 'two'].map((name) => gpg('--armor', '--export', name));
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  expect(publicKeys(armoured).equals(binary)).toBe(true);
  expect(publicKeys([Buffer.concat(armoured)]).equals(binary)).toBe(true);
  expect(publicKeys([binary]).equals(binary)).toBe(true);
  expect([looksLikeKey(binary), looksLikeKey(Buffer.from('hello'))]).toEqual([true, false]);
});

test('whole refs are pulled at once, parts of others one by one', () => {
  const ref = (name: string, subpaths: string[] = []) =>
    ({ ref: `runtime/${name}/x86_64/1`, commit: 'c'.repeat(64), subpaths }) as unknown as ResolvedRef;
  const pull = ['ostree', '--repo=/r', 'pull', '--mirror', '--disable-fsync', '--depth=0'];
  const at = (name: string) => `runtime/${name}/x86_64/1@${'c'.repeat(64)}`;
  expect(pullArgvs('/r', 'hub', [ref('A'), ref('A.Locale', ['/de', '/en']), ref('B')])).toEqual([
    [...pull, 'hub', at('A'), at('B')],
    [...pull, '--subpath=/metadata', '--subpath=/files/de', '--subpath=/files/en', 'hub', at('A.Locale')],
  ]);
  expect(pullArgvs('/r', 'hub', [])).toEqual([]);
});
