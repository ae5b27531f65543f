/** A build that is signed, by the real gpg of its own tools, and what independent programs say of it. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endAgent, testHome, type TestHome } from '../src/release/openpgp/testing.ts';
import { osmith } from './support/osmith.ts';
import { contents, ran, smallWorkspace, warm, type Small } from './support/small.ts';

const SECRET = 'hunter2-5f4dcc3b';

let small: Small;
let home: TestHome;
let keys: Record<string, string>;
let ring: string;
let www: string;
let env: Record<string, string>;

beforeAll(async () => {
  small = smallWorkspace();
  await warm(small);
  const credentials = join(small.dir, 'credentials');
  mkdirSync(credentials, { mode: 0o700 });
  home = await testHome(join(credentials, 'gnupg'));
  const stranger = await testHome(join(small.dir, 'stranger'));
  keys = {
    good: await home.generate('Release', 'sign'),
    expired: await home.generate('Old', 'sign', 'seconds=1'),
    certifies: await home.generate('Chief', 'cert'),
    locked: await home.generate('Locked', 'sign', 'never', 'passphrase'),
    public: await stranger.generate('Stranger', 'sign'),
    missing: '0'.repeat(40),
  };
  await home.gpg('--import', await stranger.exportTo(join(small.dir, 'stranger.asc')));
  ring = await home.exportTo(join(small.dir, 'release.asc'), keys['good']!);
  for (const each of [home, stranger]) await endAgent(each.home);
  writeFileSync(join(credentials, 'netrc'), `machine example.org login me password ${SECRET}\n`, {
    mode: 0o600,
  });
  www = join(small.dir, 'www');
  const config = [
    ...['[credentials]', `dir = ${credentials}`, '[sign]', `key = ${keys['good']}`],
    ...['[release]', `target = ${www}`, 'log = true', '[error]', 'target = ${release:target}'],
  ];
  writeFileSync(join(small.workspace, 'config/local.ini'), `${config.join('\n')}\n`);
  env = { XDG_CONFIG_HOME: join(small.dir, 'config') };
  await osmith(['keys', 'generate'], { env });
  await sleep(2100);
  const built = await small.run(['build']);
  expect(built.exitCode, built.all).toBe(0);
});
afterAll(async () => {
  for (const each of ['credentials/gnupg', 'stranger']) await endAgent(join(small.dir, each));
  await small.remove();
});

const verify = async (target: string) => osmith(['verify', target, '--keyring', ring], { env });

test('gpg and sha256sum find everything right, and so does Osmith', async () => {
  const names = readdirSync(small.out).sort();
  const [kernel] = names.filter((name) => name.endsWith('.vmlinuz')) as [string];
  const saved = kernel.replace('vmlinuz', 'config.ini');
  expect(names).toEqual(
    [
      ...[kernel, `${kernel}.asc`, `${kernel}.sha256`, saved, `${saved}.asc`, 'SHA256SUMS', 'SHA256SUMS.gpg'],
      ...['manifest.json', 'manifest.json.asc', 'build.txt'],
    ].sort(),
  );
  for (const name of names.filter((each) => /\.(asc|gpg)$/.test(each)))
    await home.gpg('--verify', join(small.out, name), join(small.out, name.replace(/\.(asc|gpg)$/, '')));
  for (const name of ['SHA256SUMS', `${kernel}.sha256`])
    await execa('sha256sum', ['--check', '--strict', name], { cwd: small.out });
  const found = await verify(small.out);
  expect([found.exitCode, found.stdout.split('\n').at(-1)]).toEqual([0, `${small.out}: all well, 12 checks`]);
  const { images } = JSON.parse(readFileSync(join(small.out, 'manifest.json'), 'utf8')) as { images: object };
  expect(images).toMatchObject({
    vmlinuz: {
      file: kernel,
      compression_type: null,
      signature: `${kernel}.asc`,
      checksum: `${kernel}.sha256`,
    },
  });
});

test('the same signature again, from anew, and only the key is looked at when nothing changed', async () => {
  const before = await contents(small.out);
  const again = small.start([]);
  expect((await again.exit).code).toBe(0);
  expect(ran(again.events)).toEqual(['sign/key']);
  expect((await small.run(['build', '--only', 'manifest'])).exitCode).toBe(0);
  expect(await contents(small.out)).toEqual(before);
});

test.each([
  ['expired', /has expired/],
  ['certifies', /is not made for signing/],
  ['locked', /needs a passphrase/],
  ['public', /is only a public key/],
  ['missing', /is not there/],
])('a key that cannot sign (%s) is one error before any work', async (name, why) => {
  const before = await contents(small.out);
  const build = small.start(['--set', `sign.key=${keys[name]!}`, '--set', 'refine.hostname=other']);
  const { code, stderr } = await build.exit;
  expect([code, stderr]).toEqual([2, expect.stringMatching(/E_KEY/)]);
  expect(stderr).toMatch(why);
  expect(ran(build.events)).toEqual(['sign/key']);
  expect(await contents(small.out)).toEqual(before);
});

test('released with its log; one changed bit, and a file more, are found', async () => {
  const released = await osmith(['release', '-C', small.workspace, '--out', small.out], { env });
  expect(released.exitCode, released.all).toBe(0);
  expect((await verify(www)).exitCode).toBe(0);
  const [name] = readdirSync(www).filter((each) => each.startsWith('osmith') && !each.endsWith('.jwt'));
  const [directory] = readdirSync(join(www, name!)).filter((each) => !each.startsWith('.'));
  const at = join(www, name!, directory!);
  expect(readFileSync(join(at, 'build.txt'), 'utf8')).toContain('Sign manifest.json');
  writeFileSync(join(at, 'setup.exe'), 'MZ');
  const data = readFileSync(join(at, 'SHA256SUMS'));
  data[0]! ^= 1;
  writeFileSync(join(at, 'SHA256SUMS'), data);
  const { exitCode, stdout } = await verify(www);
  expect(exitCode).toBe(5);
  expect(stdout).toMatch(/^WRONG {2}signature +\S+SHA256SUMS {2}the file is not what Release signed$/m);
  expect(stdout).toMatch(/^WRONG {2}extra +\S+setup.exe {2}it is not in the manifest$/m);
});

test('the log of a build that fails is published, without secrets', async () => {
  small.hook('70-fails', `echo "the password is ${SECRET}"; exit 1\n`);
  const failed = await small.run(['build', '--set', 'refine.hooks_add=70-fails']);
  rmSync(join(small.workspace, 'hooks/refine/70-fails'));
  expect([failed.exitCode, failed.all]).toEqual([
    1,
    expect.stringMatching(/The log is in \S+failed\/\S+build\.txt/),
  ]);
  // Each refused key before has left one as well.
  const [name] = readdirSync(join(www, 'failed')) as [string];
  const times = readdirSync(join(www, 'failed', name))
    .filter((each) => !each.startsWith('.'))
    .sort();
  const log = readFileSync(join(www, 'failed', name, times.at(-1)!, 'build.txt'), 'utf8');
  expect(log).toContain('the password is [hidden]');
  expect(log).toContain('error[E_HOOK]');
  expect(log).not.toContain(SECRET);
});
