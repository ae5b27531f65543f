/** gpg: its arguments. The user's own settings of it do not count: the same key gives the same signature everywhere. */
const COMMON = ['gpg', '--no-options', '--batch', '--no-tty', '--trust-model', 'always'];

/** Lists keys in the form for programs. Exit code 2: there is none. */
export function listKeysArgv(kind: 'secret' | 'public', key: string): string[] {
  return [...COMMON, '--with-colons', kind === 'secret' ? '--list-secret-keys' : '--list-keys', '--', key];
}

export interface Signature {
  /** Of the very key or subkey that signs. */
  fingerprint: string;
  /** Seconds since the Unix epoch: when it was made. */
  time: number;
  file: string;
  /** Where the signature goes. */
  out: string;
}

/** A detached, armoured signature. A key with a passphrase is an error: there is nobody to ask. */
export function signArgv({ fingerprint, time, file, out }: Signature): string[] {
  return [
    ...[...COMMON, '--pinentry-mode', 'error', '--digest-algo', 'SHA512', '--no-emit-version'],
    ...['--faked-system-time', `${time}!`, '--local-user', `${fingerprint}!`],
    ...['--armor', '--output', out, '--detach-sign', '--', file],
  ];
}

/** Takes public keys of a file, armoured or not, into the home `home`. */
export function importArgv(home: string, file: string): string[] {
  return [
    ...COMMON,
    '--homedir',
    home,
    '--no-autostart',
    '--import-options',
    'import-minimal',
    '--import',
    '--',
    file,
  ];
}

/** Verifies a detached signature of its standard input. What it finds goes to standard output, for programs. */
export function verifyArgv(home: string, signature: string): string[] {
  return [
    ...COMMON,
    '--homedir',
    home,
    '--no-autostart',
    '--status-fd',
    '1',
    '--verify',
    '--',
    signature,
    '-',
  ];
}
