/**
 * The only module that may read the clock, the environment or randomness.
 * Everything else receives what it needs, so that a build depends on its inputs alone.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { homedir, hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** Milliseconds since the Unix epoch. For progress and logs, never for contents. */
export function now(): number {
  return Date.now();
}

/** A name that no other process uses at the same time. For scratch files, never for contents. */
export function uniqueName(): string {
  return `${process.pid}-${randomBytes(6).toString('hex')}`;
}

/** 128 random bits as letters and digits: a password that is used once, never kept. */
export function oneTimeSecret(): string {
  return randomBytes(16).toString('hex');
}

export function envVar(name: string): string | undefined {
  const value = process.env[name];
  return value === '' ? undefined : value;
}

/** Proxy settings, which steps that may use the network hand on. */
export function proxyEnv(): Record<string, string> {
  const names = [
    'http_proxy',
    'https_proxy',
    'ftp_proxy',
    'no_proxy',
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'NO_PROXY',
  ];
  return Object.fromEntries(
    names.flatMap((name) => (envVar(name) === undefined ? [] : [[name, envVar(name)!]])),
  );
}

/** `$OSMITH_STORE`, else the user's cache directory. */
export function defaultStoreDir(): string {
  return envVar('OSMITH_STORE') ?? join(envVar('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'osmith');
}

/** The environment of this process, for programs that are to inherit it. */
export function inheritedEnv(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Where the user's own settings and keys are. */
export function configDir(): string {
  return join(envVar('XDG_CONFIG_HOME') ?? join(homedir(), '.config'), 'osmith');
}

/** Where the credentials are that steps may be given, unless the configuration says otherwise. */
export function credentialsDir(): string {
  return join(configDir(), 'credentials');
}

export function tempDir(): string {
  return tmpdir();
}

/** A number from 0 up to 1, to spread out what many machines would do at the same moment. */
export function randomFraction(): number {
  return randomBytes(4).readUInt32LE(0) / 0x1_0000_0000;
}

/** Who runs this, and where. For records, never for contents. */
export function whoami(): { user: string; host: string } {
  return { user: userInfo().username, host: hostname() };
}

/** Bytes that nobody can guess: serial numbers and the like. */
export function randomData(size: number): Buffer {
  return randomBytes(size);
}

/** A UUID that nobody has had before. */
export function randomUuid(): string {
  return randomUUID();
}
