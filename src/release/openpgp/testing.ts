/** Keys of every kind, made by the real gpg, for tests. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** A home of gpg with keys. */
export interface TestHome {
  home: string;
  gpg: (...args: string[]) => Promise<string>;
  /** Makes a key and returns its fingerprint. */
  generate: (name: string, uses: string, expires?: string, passphrase?: string) => Promise<string>;
  /** Public keys, armoured, in a file. */
  exportTo: (file: string, ...keys: string[]) => Promise<string>;
  revoke: (fingerprint: string) => Promise<void>;
}

export async function lacksGpg(): Promise<string | undefined> {
  const { failed } = await execa('gpg', ['--version'], { reject: false });
  return failed ? 'gpg is not there' : undefined;
}

export async function testHome(home: string): Promise<TestHome> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const common = ['--homedir', home, '--batch', '--no-tty', '--pinentry-mode', 'loopback'];
  const gpg = async (...args: string[]) => (await execa('gpg', [...common, ...args])).stdout;
  return {
    ...{ home, gpg },
    generate: async (name, uses, expires = 'never', passphrase = '') => {
      const secret = ['--passphrase', passphrase];
      const made = await gpg(
        ...[...secret, '--status-fd', '1', '--quick-generate-key', name, 'ed25519', uses, expires],
      );
      return /KEY_CREATED \w (\w+)/.exec(made)![1]!;
    },
    exportTo: async (file, ...keys) => {
      await writeFile(file, await gpg('--armor', '--export', ...keys));
      return file;
    },
    revoke: async (fingerprint) => {
      const file = join(home, 'openpgp-revocs.d', `${fingerprint}.rev`);
      const text = await readFile(file, 'utf8');
      await writeFile(file, text.replace(/^:-----/m, '-----'));
      await gpg('--import', file);
    },
  };
}

/** Ends the agent of a home, so that its directory can be removed. */
export async function endAgent(home: string): Promise<void> {
  await execa('gpgconf', ['--homedir', home, '--kill', 'all'], { reject: false });
}
