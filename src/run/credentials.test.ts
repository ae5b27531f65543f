/** Credentials in real sandboxes: usable, copies only, and found again wherever they were written. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inSandbox, testStore } from '../../test/support/engine.ts';
import { credentialEnv, CREDENTIALS_DIR, holdsSecret, secretTexts } from './credentials.ts';

const gpg = ['/usr/bin/gpg', '/usr/bin/gpg-agent'].every((program) => existsSync(program));

test.skipIf(!gpg)(
  `signs with a key of the user, whose own files stay as they are${gpg ? '' : ': no gpg here'}`,
  async () => {
    await using store = await testStore();
    // Short: the name of the agent's socket is limited.
    const home = mkdtempSync(join(tmpdir(), 'gpg-'));
    try {
      const run = (...args: string[]) =>
        execFileSync('gpg', ['--homedir', home, '--batch', ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
      run('--passphrase', '', '--quick-generate-key', 'test@example.org', 'ed25519', 'sign', 'never');
      const trust = readFileSync(join(home, 'trustdb.gpg'));
      const { code, stdout, stderr } = await inSandbox(
        store,
        ['gpg', '--batch', '--armor', '--local-user', 'test@example.org', '--detach-sign'],
        {
          stdin: 'signed text',
          readOnly: true,
          secrets: [{ from: home, to: join(CREDENTIALS_DIR, 'gnupg') }],
          env: { ...credentialEnv(['gpg'], CREDENTIALS_DIR), HOME: '/tmp' },
        },
      );
      expect(code, stderr).toBe(0);
      expect(readFileSync(join(home, 'trustdb.gpg')).equals(trust)).toBe(true);
      writeFileSync(join(home, 'text'), 'signed text');
      writeFileSync(join(home, 'text.asc'), stdout);
      run('--verify', join(home, 'text.asc'), join(home, 'text'));
    } finally {
      execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
      rmSync(home, { recursive: true });
    }
  },
);

test('copies: closed to other users, writable, and the original stays', async () => {
  await using store = await testStore();
  const dir = join(store.scratch, 'secret');
  mkdirSync(dir, { mode: 0o700 });
  writeFileSync(join(dir, 'netrc'), 'password x\n');
  chmodSync(join(dir, 'netrc'), 0o600);
  const script = `stat -c %a ${CREDENTIALS_DIR} ${CREDENTIALS_DIR}/netrc; echo >> ${CREDENTIALS_DIR}/netrc
setpriv --reuid 65534 --clear-groups cat ${CREDENTIALS_DIR}/netrc && exit 1; touch /etc/x && exit 2; exit 0`;
  const outcome = await inSandbox(store, ['sh', '-c', script], {
    readOnly: true,
    secrets: [{ from: join(dir, 'netrc'), to: join(CREDENTIALS_DIR, 'netrc') }],
  });
  expect([outcome.code, outcome.stdout], outcome.stderr).toEqual([0, '700\n600\n']);
  expect(readFileSync(join(dir, 'netrc'), 'utf8')).toBe('password x\n');
});

test('what is secret in each file', () => {
  const key = '-----BEGIN X-----\nAAAAAAAAAAAAAAAAAAAAAAAA\nBBBBBBBBBBBBBBBBBBBBBBBB\n-----END X-----\n';
  expect(secretTexts('ssh-key.pem', key)).toEqual(['AAAAAAAAAAAAAAAAAAAAAAAA', 'BBBBBBBBBBBBBBBBBBBBBBBB']);
  const aws = '[a]\nregion = eu-central-1\naws_secret_access_key=ABCDEFGH\naws_session_token = IJKLMNOP\n';
  expect(secretTexts('aws-credentials', aws)).toEqual(['ABCDEFGH', 'IJKLMNOP']);
  const netrc = 'machine a login b password c1234\nmachine d\n  login e\n  password f1234\n';
  expect(secretTexts('netrc', netrc)).toEqual(['c1234', 'f1234']);
  expect(secretTexts('known_hosts', 'host ssh-ed25519 AAAAAAAAAAAAAAAAAAAAAAAA')).toEqual([]);
});

test('a secret is found wherever it lies, also across the pieces in which a file is read', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  const file = join(dir, 'file');
  const piece = 1 << 20;
  try {
    for (const at of [0, 17, piece - 6, piece - 1, piece, 2 * piece - 3, 3 * piece - 6]) {
      const data = Buffer.alloc(3 * piece, 's');
      data.write('secret', at);
      writeFileSync(file, data);
      expect([at, await holdsSecret(file, ['secret', 'other'])]).toEqual([at, true]);
    }
    writeFileSync(file, Buffer.alloc(3 * piece, 'secre'));
    expect(await holdsSecret(file, ['secret'])).toBe(false);
    expect(await holdsSecret(file, [])).toBe(false);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
