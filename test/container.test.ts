/** Containers on real input: built twice, tested without a machine, pushed to a real registry, released with git. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../src/disk/testing.ts';
import { writeContainerBuild, writeManifest } from '../src/release/official/testing.ts';
import { removeTree } from '../src/run/scratch.ts';
import { jsonLines, osmith, REPO, type Finished } from './support/osmith.ts';

let dir: string;
let out: string;
const NAME = 'osmith_deb_amd64';
const WORKSPACE_SET = ['--set', 'audit.dir=../audit', '--set', 'container.vendor=not to be told'];

async function run(args: string[], env: Record<string, string> = {}): Promise<Finished> {
  return osmith(['-C', join(dir, 'workspace'), ...args, '--product', 'container', ...WORKSPACE_SET], {
    cwd: dir,
    env,
  });
}

async function digests(): Promise<string> {
  return (await execa('sha256sum', [`${NAME}.tar.zst`, `${NAME}.oci.tar`, 'manifest.json'], { cwd: out }))
    .stdout;
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  out = join(dir, 'out');
  // Not the checkout's own: whoever works on it has changes that are not committed.
  cpSync(join(REPO, 'workspace'), join(dir, 'workspace'), { recursive: true });
  const built = await run(['build', 'deb', '--arch', 'amd64', '--out', out]);
  expect(built.exitCode, built.all).toBe(0);
});
afterAll(async () => removeTree(dir));

test('a build leaves a record, and what is removed from the records shows', async () => {
  const audit = join(dir, 'audit');
  const good = await osmith(['verify', '--audit', audit]);
  expect(good).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^ok {5}audit {7}record 1 .* ok, \d+ files$/m) as string,
  });
  const first = readFileSync(join(audit, 'records.jsonl'), 'utf8');
  expect(first + readFileSync(join(audit, 'logs/000001.txt'), 'utf8')).not.toContain('not to be told');
  expect(JSON.parse(first)).toMatchObject({
    inputs: { steps: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
  });

  const before = await digests();
  // All of it once more, whatever the store has.
  const again = await run(['build', 'deb', '--arch', 'amd64', '--out', out, '--from', 'refine']);
  expect(again.exitCode, again.all).toBe(0);
  expect(await digests()).toBe(before);
  const records = readFileSync(join(audit, 'records.jsonl'), 'utf8');
  writeFileSync(join(audit, 'records.jsonl'), records.slice(0, first.length));
  const cut = await osmith(['verify', '--audit', audit]);
  expect(cut.exitCode).toBe(5);
  expect(cut.stdout).toMatch(/^WRONG {2}audit {7}head\.json {2}records after 1 are missing, up to 2$/m);
});

/** What somebody could do wrong in a root file system, and the step of the scenario that finds it. */
const SPOILED = `
import io, sys, tarfile
with tarfile.open(sys.argv[1], 'a') as tar:
    for name, mode, text in [
        ('etc/shadow', 0o640, 'root:$6$x$y:1:0:99999:7:::\\n'),
        ('usr/bin/evil', 0o4777, ''),
        ('etc/ssh/ssh_host_rsa_key', 0o600, '-----BEGIN RSA PRIVATE KEY-----\\n'),
        ('usr/share/locale/de/LC_MESSAGES/x.mo', 0o644, ''),
    ]:
        info = tarfile.TarInfo(name)
        info.mode, info.size = mode, len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    info = tarfile.TarInfo('srv/all')
    info.type, info.mode = tarfile.DIRTYPE, 0o777
    tar.addfile(info)
    info = tarfile.TarInfo('srv/nobody')
    info.uid = 4711
    tar.addfile(info)
`;

test('its scenarios pass, and find what is wrong with a root file system', async () => {
  const passed = await run(['test', 'deb', '--out', out]);
  expect(passed.exitCode, passed.all).toBe(0);
  expect(passed.stdout).toMatch(/2 scenarios passed; in the sandbox, without a machine/);

  const bad = join(dir, 'bad');
  cpSync(out, bad, { recursive: true });
  const tar = join(dir, 'root.tar');
  await execa('zstd', ['-q', '-d', '-f', join(bad, `${NAME}.tar.zst`), '-o', tar]);
  await execa('python3', ['-c', SPOILED, tar]);
  await execa('zstd', ['-q', '-1', '-f', tar, '-o', join(bad, `${NAME}.tar.zst`)]);
  const { epoch } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as { epoch: number };
  writeManifest(bad, { name: NAME, arch: 'amd64', epoch });
  const failed = await run(['test', 'deb', '--out', bad, '--scenario', 'container']);
  expect(failed.exitCode).toBe(4);
  const wrong = failed.stdout.split('\n').flatMap((line) => /^ {2}✗ +\S+ {2}(.*)$/.exec(line)?.[1] ?? []);
  expect(wrong).toEqual([
    'nobody has a password, and root cannot log in',
    'every account is in both files',
    'no translations but English are left',
    'nothing else is setuid that can be written',
    'nobody can write where all read, but to places for that',
    'everything belongs to somebody',
    'nothing that must differ between machines is there',
    'no private key is left',
  ]);
});

/** bcrypt of `secret`. */
const HTPASSWD = 'tester:$2y$05$wLcJjssupT9H316zK8sBduc2rX2u3/szShTR/O7jYG8W7TLJK3TxS\n';

async function startRegistry(): Promise<{ host: string; child: ChildProcess }> {
  const socket = createServer();
  await new Promise<void>((ready) => socket.listen(0, '127.0.0.1', ready));
  const host = `127.0.0.1:${(socket.address() as AddressInfo).port}`;
  await new Promise((closed) => socket.close(closed));
  writeFileSync(join(dir, 'htpasswd'), HTPASSWD);
  const config = {
    version: '0.1',
    storage: { filesystem: { rootdirectory: join(dir, 'registry') } },
    http: { addr: host },
    auth: { htpasswd: { realm: 'test', path: join(dir, 'htpasswd') } },
  };
  writeFileSync(join(dir, 'registry.json'), JSON.stringify(config));
  const child = spawn('docker-registry', ['serve', join(dir, 'registry.json')], { stdio: 'ignore' });
  for (let tries = 0; tries < 100; tries += 1) {
    if (await fetch(`http://${host}/v2/`).catch(() => undefined)) return { host, child };
    await sleep(100);
  }
  throw new Error('docker-registry does not start');
}

function login(host: string, password: string): { REGISTRY_AUTH_FILE: string } {
  const file = join(dir, `${password}.json`);
  const auth = Buffer.from(`tester:${password}`).toString('base64');
  writeFileSync(file, JSON.stringify({ auths: { [host]: { auth } } }));
  return { REGISTRY_AUTH_FILE: file };
}

describeWith(['docker-registry', 'skopeo'], 'released to a registry', () => {
  test('two architectures are one index, pushed once; who may not push is told', async () => {
    const { host, child } = await startRegistry();
    try {
      const arm = await writeContainerBuild(join(dir, 'out-arm64'), { content: 'arm', arch: 'arm64' });
      const target = `docker://${host}/os/base:1`;
      const release = async (password: string, ...more: string[]) =>
        osmith(['release', '--out', out, '--out', arm, '--target', target, ...more], {
          cwd: dir,
          env: login(host, password),
        });
      const denied = await release('wrong');
      expect(denied).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/E_NETWORK.*401[^]*Log in to/) as string,
      });
      const [dry] = jsonLines(await release('secret', '--dry-run', '--json'));
      const [made] = jsonLines(await release('secret', '--json'));
      expect(made).toMatchObject({ action: 'publish', digest: dry!['digest'] as string });
      expect((await release('secret')).stdout).toMatch(
        /nothing to release, the registry has the same {2}sha256:/,
      );
      const remote = ['--authfile', login(host, 'secret').REGISTRY_AUTH_FILE, '--tls-verify=false'];
      const inspect = async (...args: string[]) =>
        (await execa('skopeo', ['inspect', ...remote, ...args, target])).stdout;
      const index = JSON.parse(await inspect('--raw')) as { manifests: { platform: object }[] };
      expect(index.manifests.map(({ platform }) => platform)).toEqual([
        { architecture: 'amd64', os: 'linux' },
        { architecture: 'arm64', os: 'linux' },
      ]);
      // The same image as the archive has, by other programs; its layer is the tarball.
      const own = await execa('skopeo', ['inspect', `oci-archive:${join(out, `${NAME}.oci.tar`)}`]);
      const { Digest: digest, Layers: layers } = JSON.parse(own.stdout) as {
        Digest: string;
        Layers: string[];
      };
      expect(JSON.stringify(index)).toContain(digest);
      expect(layers).toEqual([`sha256:${(await digests()).slice(0, 64)}`]);
      await execa('skopeo', ['inspect', `docker-archive:${join(out, `${NAME}.oci.tar`)}`]);
    } finally {
      child.kill();
    }
  });
});

test('released with git: the library file is linted, the repository verifies', async () => {
  const server = join(dir, 'server.git');
  await execa('git', ['init', '-q', '--bare', server]);
  const release = async (...more: string[]) =>
    run(['release', '--out', out, '--handover', join(dir, 'official'), '--target', `git+${server}`, ...more]);
  const unset = await release();
  expect(unset.exitCode).toBe(2);
  expect(unset.stderr).toMatch(
    /official\.maintainers names nobody with an address[^]*official\.url must be an https/,
  );
  const who = [
    '--set',
    'official.maintainers=Ada <ada@os.example> (@ada)',
    '--set',
    'official.url=https://os.example/i.git',
  ];
  const done = await release(...who);
  expect(done.exitCode, done.all).toBe(0);
  expect(done.stdout).toMatch(/^Tags: latest, base, base-\d{8}$/m);
  const lines = (
    await Promise.all([join(dir, 'official'), server].map((place) => osmith(['verify', place])))
  ).map(({ stdout }) => stdout.split('\n').at(-1));
  expect(lines).toEqual([`${join(dir, 'official')}: all well, 3 checks`, `${server}: all well, 4 checks`]);
});
