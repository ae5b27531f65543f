/** An OpenPGP key that signs the packages and indexes of a test, and programs that sign with it. */
import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

export interface SigningKey {
  home: string;
  fingerprint: string;
  /** File of the public key, armoured. */
  public: string;
}

const DAY = 86_400_000;

function moment(before: number): string {
  return new Date(Date.now() - before).toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
}

/** When keys are made, and when they sign: three days ago, so that one that was valid for a day is no longer. */
const MADE_AT = moment(3 * DAY);
export const SIGNED_AT = moment(3 * DAY - 3_600_000);

export async function makeKey(dir: string, name: string, expired = false): Promise<SigningKey> {
  const home = join(dir, `${name}.gnupg`);
  mkdirSync(home, { mode: 0o700, recursive: true });
  const gpg = ['gpg', '--batch', '--quiet', '--homedir', home];
  const generate = [
    '--faked-system-time',
    MADE_AT,
    '--passphrase',
    '',
    '--quick-generate-key',
    `${name} <${name}@example.org>`,
  ];
  await execa(gpg[0]!, [...gpg.slice(1), ...generate, 'rsa2048', 'sign', expired ? '1d' : 'never']);
  const { stdout: keys } = await execa(gpg[0]!, [...gpg.slice(1), '--with-colons', '--list-secret-keys']);
  const { stdout } = await execa(gpg[0]!, [...gpg.slice(1), '--armor', '--export']);
  const file = join(dir, `${name}.asc`);
  await writeFile(file, `${stdout}\n`);
  return { home, fingerprint: /^fpr:+([0-9A-F]{40}):/m.exec(keys)![1]!, public: file };
}

/** `FILE.SUFFIX`, a detached signature; an expired key signs in the past. */
export async function signDetached(
  key: SigningKey,
  file: string,
  suffix: string,
  armor = false,
): Promise<void> {
  await execa('gpg', [
    ...['--batch', '--yes', '--quiet', '--homedir', key.home, '--faked-system-time', SIGNED_AT],
    ...[...(armor ? ['--armor'] : []), '--output', `${file}.${suffix}`, '--detach-sign', file],
  ]);
}

/** The text of a file in a signature around it. */
export async function signInline(key: SigningKey, file: string, to: string): Promise<void> {
  await execa('gpg', [
    ...['--batch', '--yes', '--quiet', '--homedir', key.home, '--faked-system-time', SIGNED_AT],
    ...['--output', to, '--clear-sign', file],
  ]);
}
