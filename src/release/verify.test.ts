import { sign as cryptoSign } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { generateKey, publicKeyOf } from '../pattern/index.ts';
import { verifyTarget } from './targets.ts';
import {
  NAME,
  releaseTo,
  serveDirectory,
  signer,
  verifyWith,
  writeBuild,
  writeToken,
  type WebServer,
} from './testing.ts';
import type { Check } from './verify-types.ts';

let dir: string;
/** As published; `www` is a copy of it to spoil. */
let pristine: string;
let www: string;
let out: string;
let current: string;
let old: string;
let server: WebServer;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-verify-'));
  [pristine, www, out] = [join(dir, 'pristine'), join(dir, 'www'), join(dir, 'out')];
  await writeBuild(out, { version: '1', epoch: 1_700_000_000 });
  old = (await releaseTo(pristine, out)).directory;
  const made = await writeBuild(out, { version: '2', epoch: 1_700_100_000 });
  await writeToken(out, made);
  current = (await releaseTo(pristine, out)).directory;
  server = await serveDirectory(www);
});
afterAll(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  await rm(www, { recursive: true, force: true });
  await cp(pristine, www, { recursive: true });
});

interface Options {
  verify?: ReturnType<typeof verifyWith>;
  unsigned?: boolean;
}

async function check(target: string, options: Options = {}): Promise<Check[]> {
  const http = { fetch, signal: new AbortController().signal, stall: 2000 };
  return verifyTarget({ target, http, verify: verifyWith(signer), name: () => NAME, ...options });
}

const wrongs = (checks: Check[]) =>
  checks.filter(({ ok }) => !ok).map(({ file, what, detail }) => `${what} of ${file}: ${detail}`);

test('what nobody has touched is right, wherever it is looked at', async () => {
  const targets = [out, www, join(www, `${NAME}.jwt`), join(www, current), join(www, old)];
  const urls = ['', '/', `/${NAME}.jwt`, `/${current}`, `/${old}/`].map((path) => `${server.url}${path}`);
  for (const target of [...targets, ...urls]) {
    const checks = await check(target);
    expect(wrongs(checks), target).toEqual([]);
    // Token, manifest and three files at least.
    expect(checks.length, target).toBeGreaterThanOrEqual(5);
  }
  // A build as it is on a web server, without a directory for the release.
  const flat = join(dir, 'flat');
  await cp(out, flat, { recursive: true });
  await rm(join(flat, 'manifest.json'));
  expect(wrongs(await check(flat))).toEqual([]);
});

test('what machines said is no part of a build, and of a release neither', async () => {
  const tested = join(dir, 'tested');
  await cp(out, tested, { recursive: true });
  for (const place of [tested, join(www, current)]) {
    await mkdir(join(place, 'test'));
    await writeFile(join(place, 'test/secure-boot.log'), 'Linux version');
  }
  expect(wrongs(await check(tested))).toEqual([]);
  expect(wrongs(await check(www))).toEqual([`extra of ${current}/test: it is not in the manifest`]);
});

test('sha256sum and openssl say the same', async () => {
  const checks = (await check(www)).filter(({ what }) => what === 'digest');
  const lines = checks.map(({ file, detail }) => `${detail.replace('sha256:', '')}  ${file}\n`).join('');
  await execa('sha256sum', ['--check', '--strict', '--status'], { cwd: www, input: lines });
  const [head, claims, signature] = (await readFile(join(www, `${NAME}.jwt`), 'utf8')).split('.');
  await writeFile(join(dir, 'signed'), `${head}.${claims}`);
  await writeFile(join(dir, 'signature'), Buffer.from(signature!, 'base64url'));
  await writeFile(join(dir, 'key.der'), publicKeyOf(signer).der);
  const key = ['-pubin', '-keyform', 'DER', '-inkey', join(dir, 'key.der')];
  const files = ['-in', join(dir, 'signed'), '-sigfile', join(dir, 'signature')];
  await execa('openssl', ['pkeyutl', '-verify', '-rawin', ...key, ...files]);
});

/** Changes a file in place. */
async function edit(path: string, change: (data: Buffer) => Buffer | string): Promise<void> {
  await writeFile(join(www, path), change(await readFile(join(www, path))));
}

const flip = (data: Buffer) => {
  const copy = Buffer.from(data);
  copy[Math.floor(copy.length / 2)]! ^= 1;
  return copy;
};

/** Exchanges the claims of a token and keeps its signature. */
const forge = (change: (text: string) => string) => (token: Buffer) => {
  const [head, claims, signature] = token.toString().split('.');
  const text = change(Buffer.from(claims!, 'base64url').toString());
  return [head, Buffer.from(text).toString('base64url'), signature].join('.');
};

/** Somebody with a key of his own, or with none, says that we signed. */
const resign = (algorithm: string) => (token: Buffer) => {
  const [, claims] = token.toString().split('.');
  const head = Buffer.from(JSON.stringify({ alg: algorithm, typ: 'JWT', kid: 'release' }));
  const input = `${head.toString('base64url')}.${claims}`;
  const thief = generateKey('ed25519', 'release');
  const key = { key: Buffer.from(thief.der), format: 'der', type: 'pkcs8' } as const;
  const signature = algorithm === 'none' ? Buffer.alloc(0) : cryptoSign(null, Buffer.from(input), key);
  return `${input}.${signature.toString('base64url')}`;
};

const evilManifest = (text: string) =>
  text.replace(/\\"sha256\\": \\"[0-9a-f]{64}/, `\\"sha256\\": \\"${'0'.repeat(64)}`);

/** What is done, and what is said of it; the same through HTTP unless it says `local`. */
const TAMPERING: [name: string, spoil: () => Promise<void>, wrong: RegExp, local?: 'local'][] = [
  [
    'a bit of the initrd',
    async () => edit(`${current}/${NAME}.initrd`, flip),
    /digest of .*initrd: its digest is/,
  ],
  [
    'a bit of the kernel',
    async () => edit(`${current}/${NAME}.vmlinuz`, flip),
    /digest of .*vmlinuz: its digest/,
  ],
  ['a bit of the index', async () => edit(`${current}/${NAME}.initrd.chunks`, flip), /chunks: its digest is/],
  [
    'a file cut off',
    async () => edit(`${current}/${NAME}.initrd`, (data) => data.subarray(0, 9)),
    /has 9 of 50000/,
  ],
  [
    'a file continued',
    async () => edit(`${current}/${NAME}.initrd`, (data) => Buffer.concat([data, Buffer.alloc(1)])),
    /has more than 50000 bytes/,
  ],
  ['a file removed', async () => rm(join(www, current, `${NAME}.initrd`)), /initrd: it is missing/],
  ['an empty file', async () => edit(`${current}/${NAME}.initrd`, () => ''), /has 0 of 50000/],
  ['all files removed', async () => rm(join(www, current), { recursive: true }), /vmlinuz: it is missing/],
  ['a bit of the token', async () => edit(`${NAME}.jwt`, flip), /signature of osmith_deb_amd64\.jwt/],
  ['a token cut off', async () => edit(`${NAME}.jwt`, (data) => data.subarray(0, 200)), /signature of/],
  ['garbage as the token', async () => edit(`${NAME}.jwt`, () => '<html>'), /not a token/],
  ['no token', async () => rm(join(www, `${NAME}.jwt`)), /jwt: it is missing/],
  [
    'other claims',
    async () => edit(`${NAME}.jwt`, forge(evilManifest)),
    /The signature of the token does not/,
  ],
  [
    'a later end',
    async () =>
      edit(
        `${NAME}.jwt`,
        forge((text) => text.replace(/"exp":\d/, '"exp":9')),
      ),
    /signature/,
  ],
  [
    'the signature of another',
    async () => edit(`${NAME}.jwt`, resign('EdDSA')),
    /The signature of the token does/,
  ],
  ['a token without signature', async () => edit(`${NAME}.jwt`, resign('none')), /signature of/],
  ['another algorithm', async () => edit(`${NAME}.jwt`, resign('HS256')), /signature of/],
  ['a token of another build', async () => foreign(), /manifest of .*jwt: it is of osmith_fed_amd64/],
  [
    'another manifest beside the files',
    async () => edit(`${current}/manifest.json`, (data) => data.toString().replace('"2"', '"3"')),
    /manifest\.json: it is not the one that is signed/,
  ],
  [
    'an old release: a file',
    async () => edit(`${old}/${NAME}.initrd`, flip),
    /digest of .*2023-11-14.*initrd: its digest is/,
    'local',
  ],
  [
    'an old release: its token',
    async () => edit(`${old}/${NAME}.jwt`, flip),
    /signature of .*2023-11-14/,
    'local',
  ],
  [
    'an old release: the token of the new one',
    async () => cp(join(www, `${NAME}.jwt`), join(www, old, `${NAME}.jwt`)),
    /manifest of .*2023-11-14.*: it is the token of another release/,
    'local',
  ],
  [
    'an old release: its manifest',
    async () => edit(`${old}/manifest.json`, flip),
    /2023-11-14.*manifest\.json: it is not the one that is signed/,
    'local',
  ],
  [
    'the old token in the directory of the new release',
    async () => cp(join(www, old, `${NAME}.jwt`), join(www, current, `${NAME}.jwt`)),
    /it is not the published token/,
    'local',
  ],
];

async function foreign(): Promise<void> {
  const fed = join(dir, 'fed');
  const made = await writeBuild(fed, { version: '1', epoch: 1, name: 'osmith_fed_amd64' });
  await writeToken(fed, made);
  await cp(join(fed, 'osmith_fed_amd64.jwt'), join(www, `${NAME}.jwt`));
}

describe('tampering with what is published', () => {
  test.each(TAMPERING)('%s', async (_name, spoil, wrong, local) => {
    await spoil();
    const there = await check(join(www, `${NAME}.jwt`));
    expect(wrongs(there).join('\n')).toMatch(wrong);
    if (local !== 'local') expect(wrongs(await check(server.url)).join('\n')).toMatch(wrong);
  });

  test('a key that is not trusted, none at all, and a time when the token has expired', async () => {
    const other = generateKey('ed25519', 'release');
    const year = 400 * 86_400_000;
    for (const target of [www, server.url, out, join(www, current)]) {
      expect(wrongs(await check(target, { verify: verifyWith(other) })).join()).toMatch(/does not hold/);
      expect(wrongs(await check(target, { verify: verifyWith() })).join()).toMatch(/there is no key/);
      const late = { ...verifyWith(signer), now: Date.now() + year };
      expect(wrongs(await check(target, { verify: late })).join()).toMatch(/expired/);
    }
  });

  test('a release that was broken off is none, and no fault', async () => {
    await rm(join(www, old, `${NAME}.jwt`));
    await rm(join(www, old, `${NAME}.initrd`));
    expect(wrongs(await check(www))).toEqual([]);
  });
});

describe('tampering with a build', () => {
  test.each([
    ['the initrd', `${NAME}.initrd`, /initrd: its digest is/],
    ['the manifest', 'manifest.json', /manifest/],
    ['the token', `${NAME}.jwt`, /signature/],
  ])('%s', async (_name, file, wrong) => {
    const copy = join(dir, 'copy');
    await rm(copy, { recursive: true, force: true });
    await cp(out, copy, { recursive: true });
    await writeFile(join(copy, file), flip(await readFile(join(copy, file))));
    expect(wrongs(await check(copy)).join('\n')).toMatch(wrong);
    if (file === 'manifest.json') return;
    await rm(join(copy, file));
    expect(wrongs(await check(copy)).join('\n')).toContain(`${file}: it is missing`);
  });

  test('manifest and files exchanged together, and the token gone: not signed is not right', async () => {
    const copy = join(dir, 'exchanged');
    await writeBuild(copy, { version: 'evil', epoch: 1_700_100_000 });
    expect(wrongs(await check(copy))).toEqual([`signature of ${NAME}.jwt: it is missing`]);
    await cp(join(out, `${NAME}.jwt`), join(copy, `${NAME}.jwt`));
    expect(wrongs(await check(copy)).join()).toMatch(/not the one that is signed/);
    expect(wrongs(await check(copy, { unsigned: true }))).toEqual([]);
  });
});

test('what cannot be reached, or is nothing, is an error and no verdict', async () => {
  await expect(check('http://127.0.0.1:1')).rejects.toMatchObject({ code: 'E_NETWORK' });
  await expect(check(join(dir, 'nowhere'))).rejects.toMatchObject({ code: 'E_NO_IMAGE' });
});
