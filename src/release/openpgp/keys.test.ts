/** Which key signs, by what the real gpg says of keys of every kind; and that signing agrees. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listKeysArgv, signArgv } from './gpg.ts';
import { chooseSigner, parseKeys, whyUnsigned, type Signer } from './keys.ts';
import { endAgent, lacksGpg, testHome, type TestHome } from './testing.ts';

const lacks = await lacksGpg();

describe.skipIf(lacks !== undefined)('with real keys', () => {
  let dir: string;
  let own: TestHome;
  let other: TestHome;
  let keys: Record<string, string>;

  const run = async (argv: string[]) =>
    execa(argv[0]!, argv.slice(1), { env: { GNUPGHOME: own.home }, reject: false });
  const choose = async (key: string) => {
    const [secret, known] = [await run(listKeysArgv('secret', key)), await run(listKeysArgv('public', key))];
    return chooseSigner(key, secret.stdout, known.stdout);
  };
  const sign = async ({ fingerprint, created }: Signer, out: string, time = created) =>
    run(signArgv({ fingerprint, time, file: join(dir, 'file'), out: join(dir, out) }));

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'osmith-gpg-'));
    own = await testHome(join(dir, 'own'));
    other = await testHome(join(dir, 'other'));
    keys = {
      good: await own.generate('good', 'cert,sign'),
      short: await own.generate('short', 'sign', 'seconds=1'),
      certify: await own.generate('certify', 'cert'),
      locked: await own.generate('locked', 'sign', 'never', 'secret'),
      revoked: await own.generate('revoked', 'sign'),
      stranger: await other.generate('stranger', 'sign'),
      master: await own.generate('master', 'cert'),
    };
    await own.revoke(keys['revoked']!);
    await own.gpg('--import', await other.exportTo(join(dir, 'stranger.asc'), 'stranger'));
    for (const expires of ['never', 'seconds=1'])
      await own.gpg('--passphrase', '', '--quick-add-key', keys['master']!, 'ed25519', 'sign', expires);
    await own.gpg('--passphrase', '', '--quick-add-key', keys['master']!, 'cv25519', 'encr', 'never');
    await writeFile(join(dir, 'file'), 'content');
    await sleep(2100);
  });
  afterAll(async () => {
    for (const each of [own, other]) await endAgent(each.home);
    await rm(dir, { recursive: true, force: true });
  });

  test('a key that signs, and the same signature as often as it is made', async () => {
    const signer = (await choose(keys['good']!)) as Signer;
    expect(signer).toMatchObject({ fingerprint: keys['good'] });
    expect((await choose(keys['good']!.slice(-16))) as Signer).toEqual(signer);
    for (const out of ['one', 'two']) expect(await sign(signer, out)).toMatchObject({ exitCode: 0 });
    expect(await readFile(join(dir, 'one'))).toEqual(await readFile(join(dir, 'two')));
    const { stdout } = await run([
      'gpg',
      '--status-fd',
      '1',
      '--verify',
      join(dir, 'one'),
      join(dir, 'file'),
    ]);
    expect(stdout).toMatch(new RegExp(`VALIDSIG ${keys['good']} \\S+ ${signer.created} `));
  });

  test('no time before the key is taken, and another day of expiry changes no signature', async () => {
    const signer = (await choose(keys['good']!)) as Signer;
    expect((await sign(signer, 'early', signer.created - 1)).exitCode).not.toBe(0);
    await own.gpg('--passphrase', '', '--quick-set-expire', keys['good']!, '1y');
    expect(await choose(keys['good']!)).toEqual(signer);
    expect(await sign(signer, 'later')).toMatchObject({ exitCode: 0 });
    expect(await readFile(join(dir, 'later'))).toEqual(await readFile(join(dir, 'one')));
  });

  test('of a key that only certifies, the subkey that signs and has not expired', async () => {
    const { stdout } = await run(listKeysArgv('secret', keys['master']!));
    const subkeys = parseKeys(stdout).filter(({ primary }) => !primary);
    const [lasting, expired, encrypts] = subkeys.map(({ fingerprint }) => fingerprint);
    const signer = (await choose(keys['master']!)) as Signer;
    expect(signer.fingerprint).toBe(lasting);
    expect(await sign(signer, 'subkey')).toMatchObject({ exitCode: 0 });
    expect(await choose(lasting!)).toEqual(signer);
    expect(await choose(expired!)).toBe('has expired');
    expect(await choose(encrypts!)).toMatch(/not made for signing/);
  });

  test.each([
    ['short', /has expired/],
    ['certify', /not made for signing/],
    ['revoked', /was revoked/],
    ['stranger', /only a public key/],
  ])('%s: refused, and gpg would not have signed', async (name, why) => {
    const found = await choose(keys[name]!);
    expect(found).toMatch(why);
    const failed = await sign({ fingerprint: keys[name]!, created: Math.floor(Date.now() / 1000) }, name);
    expect(failed.exitCode).not.toBe(0);
  });

  test('one that is not there, and a name of several', async () => {
    expect(await choose('0'.repeat(40))).toBe('is not there');
    expect(await choose('e')).toMatch(/name of several/);
  });

  test('one with a passphrase is found by the trial', async () => {
    const signer = (await choose(keys['locked']!)) as Signer;
    await endAgent(own.home); // which remembers it
    const { exitCode, stderr } = await sign(signer, 'locked');
    expect([exitCode, whyUnsigned(stderr.split('\n'))]).toEqual([2, expect.stringMatching(/passphrase/)]);
  });
});
