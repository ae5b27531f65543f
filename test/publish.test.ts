/** Releases to real servers by the command line, with everything that can go wrong on the way; then what is there is verified. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { formatKey, publicKeyOf, readClaims } from '../src/pattern/index.ts';
import { listObjects } from '../src/release/publish/s3-reader.ts';
import { lacksS3, startS3, type S3Server } from '../src/release/publish/s3-bench.ts';
import { s3Client } from '../src/release/publish/s3-client.ts';
import { openReader } from '../src/release/publish/index.ts';
import { readSettings } from '../src/release/publish/s3-settings.ts';
import { readSmall } from '../src/release/reader.ts';
import { lacksSshd, startSshd, type SshServer } from '../src/release/publish/sshd-bench.ts';
import { cuttingProxy, type CuttingProxy } from '../src/release/publish/testing.ts';
import { NAME, signer, writeBuild } from '../src/release/testing.ts';
import { osmith, REPO } from './support/osmith.ts';

/** Of an initrd: more than a part of an upload. */
const SIZE = 9_000_000;

interface Target {
  /** Straight, or by way of what cuts connections. */
  url: (cut: boolean) => string;
  env: (cut: boolean) => Record<string, string>;
  /** Somebody who is not let in, and what is said of him. */
  stranger: Record<string, string>;
  refused: RegExp;
  proxy: CuttingProxy;
  /**
   * A bucket's lock that its holder could not give back holds for two minutes: as if they were over. Undefined: it ends with its
   * holder.
   */
  expire?: () => Promise<void>;
}

const fails = (code: string) => expect.stringMatching(new RegExp(`error\\[${code}\\]`)) as string;

function faults(kind: string, open: (dir: string) => Promise<Target>, close: () => Promise<void>): void {
  describe(kind, () => {
    let dir: string;
    let target: Target;
    let out: string;
    let config: Record<string, string>;
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'osmith-publish-'));
      out = join(dir, 'out');
      config = { XDG_CONFIG_HOME: join(dir, 'config') };
      const keys = join(dir, 'config/osmith');
      await mkdir(keys, { recursive: true });
      await writeFile(join(keys, 'sign.key'), formatKey(signer));
      await chmod(join(keys, 'sign.key'), 0o600);
      await writeFile(join(keys, 'sign.pub'), formatKey(publicKeyOf(signer)));
      target = await open(dir);
    }, 120_000);
    afterAll(async () => {
      vi.unstubAllEnvs();
      await target.proxy.close();
      await close();
      await rm(dir, { recursive: true, force: true });
    });

    const build = async (n: number) =>
      writeBuild(out, { version: String(n), epoch: 1_700_000_000 + n, initrd: randomBytes(SIZE) });
    const run = async (command: string, { cut = false, more = {} } = {}) =>
      osmith(
        command === 'release' ? ['release', '--target', target.url(cut)] : ['verify', target.url(false)],
        {
          ...{ cwd: dir, env: { ...config, ...target.env(cut), ...more } },
        },
      );
    /** What is published is whole, and is this version. */
    const published = async (n: number) => {
      const verified = await run('verify');
      expect([verified.exitCode, verified.all]).toEqual([0, expect.stringContaining('all well')]);
      for (const [name, value] of Object.entries(target.env(false))) vi.stubEnv(name, value);
      const token = await readSmall(openReader({ target: target.url(false) }), `${NAME}.jwt`, 1_000_000);
      expect(readClaims(token!.toString()).buildManifest).toContain(`"version": "${n}"`);
    };

    test('whoever is not let in changes nothing; nor does a connection that is cut; then it goes on', async () => {
      await build(1);
      expect(await run('release')).toMatchObject({ exitCode: 0 });
      await published(1);
      await build(2);
      const refused = await run('release', { more: target.stranger });
      expect(refused).toMatchObject({ exitCode: 2, stderr: fails('E_TARGET') });
      expect(refused.stderr).toMatch(target.refused);
      await published(1);
      for (const part of [0.3, 0.5]) {
        target.proxy.limit = target.proxy.sent + SIZE * part;
        expect(await run('release', { cut: true })).toMatchObject({
          exitCode: 1,
          stderr: fails('E_NETWORK'),
        });
        target.proxy.limit = Infinity;
        await published(1);
        await target.expire?.();
      }
      const before = target.proxy.sent;
      expect(await run('release', { cut: true })).toMatchObject({ exitCode: 0 });
      // What arrived before was not sent again. (Of a bucket that holds for whole parts, which may all have been cut.)
      if (target.expire === undefined) expect(target.proxy.sent - before).toBeLessThan(SIZE);
      await published(2);
    });

    test('killed in the middle: what is published stays, and what was begun is marked', async () => {
      await build(3);
      const child = spawn(join(REPO, 'osmith'), ['release', '--target', target.url(true)], {
        ...{ cwd: dir, env: { ...process.env, ...config, ...target.env(true) } },
        ...{ stdio: 'ignore', detached: true },
      });
      const exit = once(child, 'exit');
      const until = target.proxy.sent + SIZE / 2;
      while (target.proxy.sent < until && child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 5));
      process.kill(-child.pid!, 'SIGKILL');
      expect((await exit)[1]).toBe('SIGKILL');
      await published(2);
      if (target.expire !== undefined) {
        expect(await run('release')).toMatchObject({ exitCode: 3, stderr: fails('E_LOCK') });
        await target.expire();
      }
      expect(await run('release')).toMatchObject({ exitCode: 0 });
      await published(3);
    });
  });
}

const noSshd = await lacksSshd();
const noS3 = await lacksS3();

describe.skipIf(noSshd !== undefined)('ssh', () => {
  let server: SshServer;
  faults(
    'a real sshd',
    async (dir) => {
      server = await startSshd(join(dir, 'sshd'));
      const proxy = await cuttingProxy(server.port);
      const known = join(dir, 'known_hosts');
      const ports = [server.port, proxy.port];
      await writeFile(known, ports.map((port) => `[127.0.0.1]:${port} ${server.hostKey}\n`).join(''));
      return {
        url: (cut) => `ssh://${server.user}@127.0.0.1:${cut ? proxy.port : server.port}${join(dir, 'www')}`,
        env: () => ({ OSMITH_SSH_KEY: server.key, OSMITH_SSH_KNOWN_HOSTS: known }),
        stranger: { OSMITH_SSH_KEY: server.stranger },
        refused: /does not let you in/,
        proxy,
      };
    },
    async () => server.close(),
  );
});

describe.skipIf(noS3 !== undefined)('s3', () => {
  let server: S3Server;
  faults(
    'a real S3 server',
    async (dir) => {
      server = await startS3(join(dir, 's3'));
      const proxy = await cuttingProxy(server.port);
      const env = (port: number) => ({ ...server.owner, AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` });
      for (const [name, value] of Object.entries(env(server.port))) vi.stubEnv(name, value);
      const client = s3Client('bucket', async () => readSettings('images'));
      await client.send('PUT', '');
      return {
        url: () => 's3://images/nightly',
        env: (cut) => env(cut ? proxy.port : server.port),
        stranger: { AWS_SECRET_ACCESS_KEY: 'wrong-secret' },
        refused: /SignatureDoesNotMatch/,
        proxy,
        expire: async () => {
          const { files } = await listObjects(client, `nightly/${NAME}/.inprogress-`);
          for (const { path } of files) await client.send('DELETE', path);
        },
      };
    },
    async () => server.close(),
  );
});
