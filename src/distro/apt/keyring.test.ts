/** Which keys are valid, as gpg says: of keys of all kinds made on the spot, and of this machine's own rings, at any time. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { describeWith, scratch } from '../../disk/testing.ts';
import { publicKeys } from '../../flatpak/openpgp.ts';
import { endAgent, testHome } from '../../release/openpgp/testing.ts';
import { validKeys } from './keyring.ts';

const DAY = 86_400;
const RINGS = '/usr/share/keyrings';

/** Fingerprints of keys and subkeys that gpg says are valid at a time; those that are not: `invalid`. */
async function asGpgSays(dir: string, ring: Buffer, at: number, invalid = /[er]/): Promise<string[]> {
  const file = join(dir, 'ring');
  writeFileSync(file, ring);
  const time = new Date(at * 1000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  const options = ['--homedir', dir, '--batch', '--faked-system-time', `${time}!`, '--with-colons'];
  const { stdout } = await execa('gpg', [...options, '--show-keys', file], { reject: false });
  return [...stdout.matchAll(/^(?:pub|sub):([^:]*):.*\n(?:rvk:.*\n)*fpr:+([0-9A-F]+):/gm)].flatMap(
    ([, validity, fingerprint]) => (invalid.test(validity!) ? [] : [fingerprint!]),
  );
}

/** Those that are left, whatever gpg thinks of them. */
async function left(dir: string, ring: Buffer, at: number): Promise<string[]> {
  const kept = validKeys(ring, at);
  return kept.length === 0 ? [] : asGpgSays(dir, kept, at, /never/);
}

describeWith(['gpg'], 'valid keys', () => {
  test('of those made here: extended, shortened, revoked, with subkeys, vouched for by others', async () => {
    const dir = scratch();
    const { gpg, generate, revoke } = await testHome(join(dir, 'gpg'));
    try {
      const names = ['never', 'week', 'month', 'longer', 'shorter', 'gone', 'parts'];
      const times = ['never', '7d', '30d', '7d', '30d', 'never', 'never'];
      const keys: Record<string, string> = {};
      for (const [i, name] of names.entries()) keys[name] = await generate(name, 'cert,sign', times[i]);
      await gpg('--quick-set-expire', keys['longer']!, '90d');
      await gpg('--quick-set-expire', keys['shorter']!, '2d');
      await revoke(keys['gone']!);
      for (const time of ['7d', '30d', 'never']) {
        await gpg('--passphrase', '', '--quick-add-key', keys['parts']!, 'ed25519', 'sign', time);
      }
      for (const name of ['week', 'parts']) {
        await gpg('--yes', '--local-user', keys['never']!, '--quick-sign-key', keys[name]!);
      }
      const ring = publicKeys([Buffer.from(await gpg('--armor', '--export'))]);
      const made = Math.floor(Date.now() / 1000);
      const counts: number[] = [];
      for (const days of [1, 4, 10, 40, 100]) {
        const found = await left(dir, ring, made + days * DAY);
        expect(found).toEqual(await asGpgSays(dir, ring, made + days * DAY));
        counts.push(found.length);
      }
      expect(counts).toEqual([9, 8, 6, 4, 3]);
    } finally {
      await endAgent(join(dir, 'gpg'));
    }
  });

  test("of this machine's distributions", async ({ skip }) => {
    const dir = scratch();
    const files = readdirSync(RINGS, { withFileTypes: true }).filter((file) => file.isFile());
    if (files.length === 0) skip('no key rings here');
    for (const { name } of files) {
      const ring = publicKeys([readFileSync(join(RINGS, name))]);
      for (const year of [2018, 2026, 2030, 2034]) {
        const at = Date.UTC(year, 5) / 1000;
        expect([name, year, await left(dir, ring, at)]).toEqual([name, year, await asGpgSays(dir, ring, at)]);
      }
    }
  });
});

test.each([
  ['text', 'no key'],
  ['a cut off key', Buffer.from([0x99, 1, 0, 4])],
])('%s is none', (_what, data) => {
  expect(() => validKeys(Buffer.from(data as string), 0)).toThrow(RangeError);
});
