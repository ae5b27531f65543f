/** Releases by the command line, machines that follow them through HTTP, and releases that are killed. */
import { spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freshBoot } from '../src/update/testing.ts';
import { isInSlot, update, useBench } from '../src/update/test-bench.ts';
import { formatKey, generateKey, publicKeyOf } from '../src/pattern/index.ts';
import { directoryReader, httpReader, verifyPublished } from '../src/release/index.ts';
import {
  NAME,
  serveDirectory,
  signer,
  verifyWith,
  writeBuild,
  type WebServer,
} from '../src/release/testing.ts';
import { LONG } from './support/long.ts';
import { jsonLines, osmith, REPO, type Finished } from './support/osmith.ts';

const bench = useBench();
let www: string;
let out: string;
let server: WebServer;
let env: Record<string, string>;

beforeEach(async () => {
  [www, out] = [join(bench.work, 'www'), join(bench.work, 'out')];
  server = await serveDirectory(www);
  env = { XDG_CONFIG_HOME: join(bench.work, 'config') };
  const keys = join(bench.work, 'config/osmith');
  await mkdir(keys, { recursive: true });
  await writeFile(join(keys, 'sign.key'), formatKey(signer));
  await chmod(join(keys, 'sign.key'), 0o600);
  await writeFile(join(keys, 'sign.pub'), formatKey(publicKeyOf(signer)));
});
afterEach(async () => server.close());

async function run(command: string, ...args: string[]): Promise<Finished> {
  return osmith([command, ...args], { cwd: bench.work, env });
}

const release = async (...args: string[]) => run('release', '--target', www, ...args);

/** What a client that trusts the key finds wrong, on the disk and through HTTP. */
async function wrongs(): Promise<string[]> {
  const http = { fetch, signal: new AbortController().signal, stall: 5000 };
  const readers = [directoryReader(www), httpReader(server.url, http)];
  const checks = [];
  for (const reader of readers)
    checks.push(...(await verifyPublished({ reader, verify: verifyWith(signer) }, NAME)));
  return checks.filter(({ ok }) => !ok).map(({ file, what, detail }) => `${what} of ${file}: ${detail}`);
}

const directories = async () =>
  (await readdir(join(www, NAME))).filter((name) => !name.startsWith('.')).sort();

test('the loop: release, nothing to release, a change, machines follow, old ones go', async () => {
  const base = randomBytes(2_000_000);
  const first = await writeBuild(out, { version: '1', epoch: 1_700_000_000, initrd: base });
  await freshBoot(bench.root, first);
  expect(await release()).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/The first release/) as string,
  });
  const again = await release();
  expect(again).toMatchObject({ exitCode: 0, stderr: '' });
  expect(again.stdout).toBe(`${NAME}: nothing to release, the published release in ${www} is the same build`);
  const url = server.url;
  expect(await update(bench, { url, running: first })).toMatchObject({ decision: { action: 'nothing' } });

  const changed = Buffer.concat([base.subarray(0, 500_000), randomBytes(30_000), base.subarray(500_000)]);
  const second = await writeBuild(out, { version: '2', epoch: 1_700_100_000, initrd: changed });
  const dry = await release('--dry-run');
  expect(dry.stdout).toContain('| demo | 1 | 2 |');
  expect(await update(bench, { url, running: first })).toMatchObject({ decision: { action: 'nothing' } });
  const [published] = jsonLines(await release('--json', '--keep', '1'));
  expect(published).toMatchObject({ type: 'release', action: 'publish', reason: 'different', removed: [] });
  server.log.length = 0;
  const updated = await update(bench, { url, running: first });
  expect(updated).toMatchObject({ decision: { action: 'install', slot: 'b' }, reboot: true });
  expect(await isInSlot(bench, 'b', second)).toBe(true);
  // By the chunk index of the release: most of it was there already.
  expect(updated.traffic.local).toBeGreaterThan(1_500_000);
  const { directory } = published as unknown as { directory: string };
  expect(server.log).toContain(`GET ${directory}/${NAME}.initrd.chunks`);
  expect(await readFile(join(www, directory, 'notes.md'), 'utf8')).toContain('| demo | 1 | 2 |');

  await writeBuild(out, { version: '3', epoch: 1_700_200_000 });
  const third = await release('--keep', '1');
  expect(third.stdout).toMatch(/removed {2}osmith_deb_amd64\/2023-11-14/);
  expect(await directories()).toHaveLength(2);
  for (const target of [www, `${server.url}/${NAME}.jwt`, join(www, directory)])
    expect(await run('verify', target)).toMatchObject({ exitCode: 0 });
  const [byUrl] = jsonLines(await run('verify', '--json', server.url, '--arch', 'amd64'));
  expect(byUrl).toMatchObject({ ok: true });
  await rm(join(www, directory, `${NAME}.vmlinuz`));
  const broken = await run('verify', www);
  expect(broken).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('E_SIGNATURE') as string });
  expect(broken.stdout).toMatch(/^WRONG {2}digest .*vmlinuz {2}it is missing$/m);
});

/** Starts a release and kills it with all its processes, within some milliseconds after it began to publish. */
async function killedRelease(within: number): Promise<{ signal: string | null; ms: number }> {
  const args = ['release', '--target', www, '--keep', '1'];
  const child = spawn(join(REPO, 'osmith'), args, {
    cwd: bench.work,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const exit = once(child, 'exit');
  await Promise.race([once(child.stderr, 'data'), exit]);
  const began = performance.now();
  await Promise.race([sleep(within), exit]);
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // It has ended.
  }
  const [, signal] = (await exit) as [number | null, string | null];
  return { signal, ms: performance.now() - began };
}

test('killed at random points: what is published verifies, and the next release makes good what was left', async () => {
  const build = async (n: number) =>
    writeBuild(out, { version: String(n), epoch: 1_700_000_000 + n, initrd: randomBytes(30_000_000) });
  await build(0);
  // How long one takes that nobody kills.
  const { ms } = await killedRelease(60_000);
  let killed = 0;
  for (let round = 1; round <= (LONG ? 12 : 4); round += 1) {
    await build(round);
    const { signal } = await killedRelease(randomInt(0, Math.ceil(ms)));
    if (signal === 'SIGKILL') killed += 1;
    expect(await wrongs(), `round ${round}`).toEqual([]);
  }
  expect(killed).toBeGreaterThan(0);
  await build(13);
  expect((await release('--keep', '1')).exitCode).toBe(0);
  expect(await wrongs()).toEqual([]);
  expect(await directories()).toHaveLength(2);
  expect(await readdir(join(www, NAME, '.unfinished'))).toEqual([]);
});

test('while releases come and go, a client finds the files of every token it sees', async () => {
  await writeBuild(out, { version: '0', epoch: 1_700_000_000 });
  await release();
  const http = { fetch, signal: new AbortController().signal, stall: 5000 };
  const reader = httpReader(server.url, http);
  let done = false;
  const client = (async () => {
    const seen = new Set<string>();
    for (; !done;) {
      const found = await verifyPublished({ reader, verify: verifyWith(signer) }, NAME);
      expect(found.filter(({ ok }) => !ok)).toEqual([]);
      seen.add(found.find(({ what }) => what === 'digest')!.file);
    }
    return seen.size;
  })();
  client.catch(() => {}); // it is looked at below
  for (let n = 1; n <= 4; n += 1) {
    await writeBuild(out, { version: String(n), epoch: 1_700_000_000 + n, initrd: randomBytes(5_000_000) });
    // As many as there are: a client that is slow may still have the first token.
    expect((await release('--keep', '4')).exitCode).toBe(0);
  }
  done = true;
  expect(await client).toBeGreaterThan(1);
});

test('bad input is one clear error, and nothing is published', async () => {
  const fails = async (exit: number, message: RegExp, ...args: string[]) => {
    const failed = await run('release', ...args);
    expect(failed.stderr).toMatch(message);
    expect([failed.exitCode, failed.stderr]).toEqual([exit, failed.stderr]);
  };
  await fails(2, /E_NO_IMAGE.*no build in/, '--target', www);
  await writeBuild(out, { version: '1', epoch: 1_700_000_000 });
  await fails(2, /E_USAGE.*not said where/);
  await fails(2, /E_TARGET.*ENOENT/, '--target', join(bench.work, 'no/such/place'));
  await fails(2, /E_TARGET/, '--target', join(out, 'manifest.json'));
  await fails(2, /E_USAGE.*ftp:/, '--target', 'ftp://host/path');
  await fails(2, /E_USAGE.*At least one/, '--target', www, '--keep', '0');
  await fails(2, /E_KEY/, '--target', www, '--key', 'missing.key');
  await fails(2, /E_NO_IMAGE.*not deb12/, '--target', www, 'deb12');
  const stranger = generateKey('ed25519', 'stranger');
  await writeFile(join(bench.work, 'stranger.pub'), formatKey(publicKeyOf(stranger)));
  await fails(5, /E_SIGNATURE.*No key that is trusted/, '--target', www, '--verify-key', 'stranger.pub');
  await expect(readdir(www)).rejects.toThrow(/ENOENT/);

  // Where to publish and how much to keep can be configured.
  const configured = ['--set', `release.target=${www}`, '--set', 'release.keep=1'];
  expect((await run('release', ...configured)).exitCode).toBe(0);
  await writeBuild(out, { version: '0', epoch: 1_600_000_000 });
  await fails(1, /E_RELEASE.*newer[^]*--allow-older/, ...configured);
  expect(await wrongs()).toEqual([]);
});

/** Runs Osmith where a small file system is mounted over a directory, in a mount namespace of its own. */
async function onSmallDisk(at: string, args: string[]): Promise<Finished> {
  const script =
    'mount -t tmpfs -o size=3m tmpfs "$0" && cp -a "$1/." "$0" && shift && "$@"; code=$?; cp -a "$0/." "$OLD"; exit $code';
  const old = `${at}.before`;
  await mkdir(old, { recursive: true });
  await execa('cp', ['-a', `${at}/.`, old]);
  const argv = ['--mount', '--map-root-user', 'sh', '-c', script, at, old, join(REPO, 'osmith'), ...args];
  const left = `${at}.after`;
  await mkdir(left);
  const done = await execa('unshare', argv, {
    ...{ reject: false, all: true, cwd: bench.work, env: { ...env, OLD: left } },
  });
  const { exitCode = -1, stdout, stderr, all } = done;
  return { exitCode, stdout, stderr, all };
}

test('a target that is full: told, and what was published stays, with nothing of the new release', async () => {
  await writeBuild(out, { version: '1', epoch: 1_700_000_000 });
  await release();
  const before = await readdir(www, { recursive: true });
  await writeBuild(out, { version: '2', epoch: 1_700_100_000, initrd: randomBytes(4_000_000) });
  const full = await onSmallDisk(www, ['release', '--target', www]);
  expect(full.all).toMatch(/E_NO_SPACE.*No space left in .*initrd/);
  expect(full.exitCode).toBe(1);
  www = `${www}.after`;
  expect((await readdir(www, { recursive: true })).sort()).toEqual(before.sort());
  const checks = await verifyPublished({ reader: directoryReader(www), verify: verifyWith(signer) }, NAME);
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
});
