/** Builds with checksums and OpenPGP signatures, as `osmith build` makes them, and everything that can be wrong with them. */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openKeyring, type Keyring } from './openpgp/keyring.ts';
import { addImages, DISK, seal, sha256 } from './openpgp/signed-build.ts';
import { endAgent, lacksGpg, testHome, type TestHome } from './openpgp/testing.ts';
import { verifyTarget } from './targets.ts';
import { NAME, noise, releaseTo, serveDirectory, signer, verifyWith, writeBuild } from './testing.ts';
import type { Check } from './verify-types.ts';

const lacks = await lacksGpg();

describe.skipIf(lacks !== undefined)('with gpg', () => {
  let dir: string;
  let home: TestHome;
  let stranger: TestHome;
  let key: string;
  let ring: Keyring;
  /** As built, and a copy to spoil. */
  let built: string;
  let out: string;

  const sign = async (at: string, name: string, out: string, by = home, user = key) =>
    by.gpg(
      '--yes',
      '--armor',
      '--local-user',
      user,
      '--output',
      join(at, out),
      '--detach-sign',
      join(at, name),
    );

  /** The owner of the key says that all is as it should be. */
  async function reseal(): Promise<void> {
    const manifest = JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8')) as {
      artifacts: { name: string; size: number; sha256: string }[];
    };
    for (const each of manifest.artifacts) {
      const data = await readFile(join(out, each.name));
      Object.assign(each, { size: data.length, sha256: sha256(data) });
    }
    await seal(out, manifest, sign);
  }

  async function check(
    target: string,
    keyring: Keyring | undefined = ring,
    keys = [signer],
  ): Promise<Check[]> {
    const http = { fetch, signal: new AbortController().signal, stall: 2000 };
    return verifyTarget({ target, http, keyring, verify: verifyWith(...keys), name: () => NAME });
  }
  const wrongs = (checks: Check[]) =>
    checks.filter(({ ok }) => !ok).map(({ file, what, detail }) => `${what} of ${file}: ${detail}`);

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'osmith-openpgp-'));
    [built, out] = [join(dir, 'built'), join(dir, 'out')];
    home = await testHome(join(dir, 'home'));
    stranger = await testHome(join(dir, 'stranger'));
    key = await home.generate('Release', 'sign');
    await stranger.generate('Stranger', 'sign');
    ring = await openKeyring(await home.exportTo(join(dir, 'keys.asc'), key));
    await writeBuild(built, { version: '1', epoch: 1_700_000_000 });
    await addImages(built, sign);
  }, 120_000);
  afterAll(async () => {
    await ring.close();
    for (const each of [home, stranger]) await endAgent(each.home);
    await rm(dir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await rm(out, { recursive: true, force: true });
    await cp(built, out, { recursive: true });
  });

  test('what nobody has touched is right: gpg and sha256sum say so too', async () => {
    const checks = await check(out);
    expect(wrongs(checks)).toEqual([]);
    expect(checks.filter(({ what }) => what === 'unpacked')).toHaveLength(3);
    await execa('sha256sum', ['--check', '--strict', '--status', 'SHA256SUMS'], { cwd: out });
    const signed = checks.filter(({ what }) => what === 'signature').map(({ file }) => file);
    expect(new Set(signed).size).toBe(9); // 3 files and an index, 3 disks and what is in them, SHA256SUMS, manifest
    for (const file of new Set(signed)) {
      if (file === DISK) continue;
      const signature = file === 'SHA256SUMS' ? `${file}.gpg` : `${file}.asc`;
      await home.gpg('--verify', join(out, signature), join(out, file));
    }
  });

  test('released, it is right wherever it is looked at, with both keys or one', async () => {
    const www = join(dir, 'www');
    const { directory } = await releaseTo(www, out);
    const server = await serveDirectory(www);
    try {
      for (const target of [www, server.url, join(www, directory), `${server.url}/${directory}`])
        for (const keys of [[signer], []]) {
          const checks = await check(target, ring, keys);
          expect([target, wrongs(checks)]).toEqual([target, []]);
          expect(
            checks.some(({ what, file }) => what === 'signature' && file.endsWith('manifest.json')),
          ).toBe(true);
        }
      // Exchanged as a whole, token and all, by somebody who has not the key.
      await writeFile(join(www, directory, 'manifest.json.asc'), await readFile(join(out, 'SHA256SUMS.gpg')));
      expect(wrongs(await check(www, ring, []))).toEqual([
        expect.stringMatching(/^signature of .*manifest.json: the file is not what Release signed/),
      ]);
    } finally {
      await server.close();
    }
  });

  const flip = async (name: string) => {
    const data = await readFile(join(out, name));
    data[Math.floor(data.length / 2)]! ^= 1;
    await writeFile(join(out, name), data);
  };
  const repack = async (program: string, end: string) => {
    await writeFile(join(out, DISK), noise('another disk', 2_301_000));
    await execa(program, ['-f', join(out, DISK)]);
    await rm(join(out, DISK), { force: true });
    await sign(out, `${DISK}.${end}`, `${DISK}.${end}.asc`);
    await writeFile(
      join(out, `${DISK}.${end}.sha256`),
      `${sha256(await readFile(join(out, `${DISK}.${end}`)))}  ${DISK}.${end}\n`,
    );
    await reseal();
  };

  test.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'a bit of a kernel',
      async () => flip(`${NAME}.vmlinuz`),
      /signature of \S+vmlinuz: the file is not what Release/,
    ],
    [
      'a bit of a packed disk',
      async () => flip(`${DISK}.gz`),
      /unpacked of \S+raw.gz: (it cannot|what comes)/,
    ],
    [
      'a packed disk cut off',
      async () =>
        writeFile(join(out, `${DISK}.xz`), (await readFile(join(out, `${DISK}.xz`))).subarray(0, 200_000)),
      /unpacked of \S+raw.xz/,
    ],
    [
      'a signature removed',
      async () => rm(join(out, `${DISK}.zst.asc`)),
      /signature of \S+raw.zst: it is not signed/,
    ],
    [
      'the signature of another file',
      async () => cp(join(out, `${DISK}.gz.asc`), join(out, `${DISK}.xz.asc`)),
      /signature of \S+raw.xz: the file is not what/,
    ],
    [
      'the signature of another',
      async () => sign(out, 'SHA256SUMS', 'SHA256SUMS.gpg', stranger, 'Stranger'),
      /signature of SHA256SUMS: it is signed with the key \w+, which is not in/,
    ],
    [
      'garbage as a signature',
      async () => writeFile(join(out, 'SHA256SUMS.gpg'), 'hello'),
      /signature of SHA256SUMS: it is no signature/,
    ],
    [
      'an empty signature',
      async () => writeFile(join(out, 'SHA256SUMS.gpg'), ''),
      /signature of SHA256SUMS: it is no signature/,
    ],
    [
      'the public key as a signature',
      async () => cp(join(dir, 'keys.asc'), join(out, 'SHA256SUMS.gpg')),
      /signature of SHA256SUMS: it is no signature/,
    ],
    [
      'a weak digest',
      async () =>
        home.gpg(
          '--yes',
          '--digest-algo',
          'SHA1',
          '--armor',
          '--output',
          join(out, 'SHA256SUMS.gpg'),
          '--detach-sign',
          join(out, 'SHA256SUMS'),
        ),
      /signature of SHA256SUMS: it is made with a digest/,
    ],
    [
      'the manifest',
      async () => appendFile(join(out, 'manifest.json'), ' '),
      /signature of manifest.json: the file is not what/,
    ],
    [
      'a file more',
      async () => writeFile(join(out, 'extra.img'), 'x'),
      /extra of extra.img: it is not in the manifest/,
    ],
    ['a file less', async () => rm(join(out, `${NAME}.initrd`)), /digest of \S+initrd: it is missing/],
    [
      'another disk inside, signed outside',
      async () => repack('xz', 'xz'),
      /unpacked of \S+raw.xz: what comes out of it has the digest[^]*signature of \S+raw: the file is not/,
    ],
    [
      'a bomb',
      async () => {
        await writeFile(join(out, DISK), Buffer.alloc(50_000_000));
        await execa('gzip', ['-nf', join(out, DISK)]);
        await reseal();
      },
      /unpacked of \S+raw.gz: more than 2301000 bytes/,
    ],
    [
      'a wrong line in SHA256SUMS',
      async () => {
        await appendFile(join(out, 'SHA256SUMS'), `${'0'.repeat(64)}  other.img\n`);
        await reseal();
      },
      /checksum of SHA256SUMS: it lists something else: 0+ {2}other.img/,
    ],
    [
      'a line less in SHA256SUMS',
      async () => {
        await writeFile(
          join(out, 'SHA256SUMS'),
          (await readFile(join(out, 'SHA256SUMS'), 'utf8')).replace(/.*\n/, ''),
        );
        await reseal();
      },
      /checksum of SHA256SUMS: it does not fit/,
    ],
    [
      'a wrong size',
      async () => {
        await writeFile(join(out, `${DISK}.gz.size`), '1\n');
        await reseal();
      },
      /checksum of \S+raw.gz.size: it says 1, not 2301000/,
    ],
    [
      'a wrong checksum',
      async () => {
        await writeFile(join(out, `${NAME}.vmlinuz.sha256`), `${'0'.repeat(64)}  ${NAME}.vmlinuz\n`);
        await reseal();
      },
      /checksum of \S+vmlinuz.sha256: it does not fit/,
    ],
  ])('%s', async (_name, spoil, wrong) => {
    await spoil();
    expect(wrongs(await check(out)).join('\n')).toMatch(wrong);
  });

  test('a key that has expired, and one that was revoked', async () => {
    const old = await home.generate('Old', 'sign', 'seconds=2');
    const lost = await home.generate('Lost', 'sign');
    await sign(out, 'manifest.json', 'manifest.json.asc', home, old);
    await sign(out, 'SHA256SUMS', 'SHA256SUMS.gpg', home, lost);
    await home.revoke(lost);
    await sleep(3100);
    const all = await openKeyring(await home.exportTo(join(dir, 'all.asc')));
    try {
      const found = wrongs(await check(out, all)).join('\n');
      expect(found).toMatch(/signature of manifest.json: it is signed with a key of Old that has expired/);
      expect(found).toMatch(/signature of SHA256SUMS: it is signed with a key of Lost that was revoked/);
    } finally {
      await all.close();
    }
  });

  test('what is no key ring is an error before anything is looked at', async () => {
    await writeFile(join(dir, 'nothing.asc'), 'nothing');
    await expect(openKeyring(join(dir, 'nothing.asc'))).rejects.toMatchObject({ code: 'E_KEY' });
    await expect(openKeyring(join(dir, 'missing.asc'))).rejects.toMatchObject({ code: 'E_KEY' });
  });
});
