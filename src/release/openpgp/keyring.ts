/** Verifies signatures with the keys of one file, and no others: in a home of gpg that is made for this and removed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { inheritedEnv, tempDir, uniqueName } from '../../env.ts';
import { OsmithError } from '../../errors.ts';
import { importArgv, verifyArgv } from './gpg.ts';
import { readStatus, type Verdict } from './status.ts';

/** A file whose signature is being verified while it is read. */
export interface Checking {
  write(part: Uint8Array): Promise<void>;
  end(): Promise<Verdict>;
}

export interface Keyring {
  check(signature: Buffer): Promise<Checking>;
  close(): Promise<void>;
}

const ENV = { LC_ALL: 'C.UTF-8' };

function noGpg(cause: unknown): OsmithError {
  return new OsmithError('E_HOST', 'gpg cannot be run', { cause, hint: 'Install the package gpg' });
}

async function importKeys(home: string, file: string): Promise<void> {
  await access(file).catch((cause: unknown) => {
    throw new OsmithError('E_KEY', `${file} cannot be read`, { cause, hint: 'Name a file of public keys' });
  });
  const [program = '', ...args] = importArgv(home, file);
  const { execa } = await import('execa');
  const done = await execa(program, ['--status-fd', '1', ...args], {
    reject: false,
    env: ENV,
    stdin: 'ignore',
  });
  if (done.code === 'ENOENT') throw noGpg(done.cause);
  if (/^\[GNUPG:\] IMPORT_OK /m.test(done.stdout)) return;
  throw new OsmithError('E_KEY', `${file} holds no OpenPGP public key`, {
    hint: '`gpg --armor --export FINGERPRINT` writes one',
    tail: done.stderr.split('\n').slice(-5),
  });
}

/** Throws E_KEY for a file without keys, E_HOST where there is no gpg. */
export async function openKeyring(file: string): Promise<Keyring> {
  const home = await mkdtemp(join(tempDir(), 'osmith-gpg-'));
  const close = async () => rm(home, { recursive: true, force: true });
  try {
    await importKeys(home, resolve(file));
  } catch (error) {
    await close();
    throw error;
  }
  return { check: async (signature) => startCheck(home, signature), close };
}

async function startCheck(home: string, signature: Buffer): Promise<Checking> {
  const file = join(home, uniqueName());
  await writeFile(file, signature);
  const [program = '', ...args] = verifyArgv(home, file);
  const gpg = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], env: { ...inheritedEnv(), ...ENV } });
  const status = text(gpg.stdout);
  const closed = once(gpg, 'close');
  let over = false;
  void closed.catch(() => {}).finally(() => (over = true));
  gpg.stdin.on('error', () => {}); // what is no signature ends it early
  return {
    write: async (part) => {
      if (over || gpg.stdin.destroyed || gpg.stdin.write(part)) return;
      await Promise.race([once(gpg.stdin, 'drain'), closed]).catch(() => {});
    },
    end: async () => {
      gpg.stdin.end();
      await closed.catch((error: unknown) => {
        throw noGpg(error);
      });
      await rm(file);
      return readStatus(await status);
    },
  };
}
