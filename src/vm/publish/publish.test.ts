/** What scenarios publish, tried with the updater that machines have. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GRUBENV, slotFile } from '../../disk/boot-slots.ts';
import { now } from '../../env.ts';
import { formatKey, generateKey, publicKeyOf, readClaims } from '../../pattern/index.ts';
import { verifyAt } from '../../update/release.ts';
import { build, directoryBoot, freshBoot, noise, snapshot } from '../../update/testing.ts';
import { espSlots } from '../../update/esp-slots.ts';
import { runUpdate } from '../../update/update.ts';
import type { Image } from '../image.ts';
import { FAULTS, FAULT_NAMES, type Fault, type FaultName } from './faults.ts';
import { imageBuild, makeRelease } from './release.ts';
import { serveReleases, type ReleaseServer } from './server.ts';
import { publicationOf } from './publication.ts';

const EPOCH = 1_700_000_000;
const keys = { own: generateKey('ed25519', 'test'), stranger: generateKey('ed25519', 'test') };

let dir: string;
let root: string;
let image: Image;
let server: ReleaseServer;
const original = build('1', EPOCH, noise('root', 2_000_000));

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-publish-'));
  root = await mkdtemp(join(dir, 'esp-'));
  await freshBoot(root, original);
  const { name } = original.system;
  const artifacts = ['vmlinuz', 'initrd', 'initrd.chunks'].map((part) => `${name}.${part}`);
  for (const part of ['vmlinuz', 'initrd'] as const)
    await writeFile(join(dir, `${name}.${part}`), original.files[part]);
  await writeFile(join(dir, 'manifest.json'), JSON.stringify({ ...original.manifest, epoch: EPOCH }));
  image = { dir, name, arch: 'amd64', artifacts, composed: false, unsigned: false };
  server = await serveReleases();
});

afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

async function publish(build: 'same' | 'newer' | 'broken', fault: Fault = { text: '' }, at = 50) {
  const made = await makeRelease(image, build, {
    ...{ dir: join(dir, 'release'), chunks: true },
    buildTools: () => Promise.reject(new Error('no programs are needed')),
  });
  const where = { dir: join(dir, 'spoiled'), part: 'initrd', percent: at };
  server.publish(await publicationOf(made, keys, fault, where));
  return made;
}

/** As a machine does it that runs the image. */
async function update() {
  const running = { slot: 'a', build: original.system.build, trial: false } as const;
  return runUpdate(
    {
      running,
      arch: image.arch,
      slots: espSlots(directoryBoot(root)),
      http: { fetch, signal: new AbortController().signal, stall: 300 },
      verify: async (token, buildEpoch) =>
        verifyAt(token, readClaims, {
          ...{ keys: [formatKey(publicKeyOf(keys.own))], now: now(), buildEpoch },
        }),
      log: () => {},
      delays: [10, 10],
    },
    {
      ...{ url: `http://127.0.0.1:${server.port}`, name: image.name, tries: 2 },
      ...{ checkOnly: false, allowOlder: false, retryFailed: false },
    },
  );
}

test('the image itself is no other build', async () => {
  const { build } = await publish('same');
  expect(build).toBe(original.system.build);
  expect(await imageBuild(image)).toBe(build);
  expect((await update()).decision).toMatchObject({ action: 'nothing' });
});

test('a newer build is the same initrd and one more archive, and only that is downloaded', async () => {
  const made = await publish('newer');
  const report = await update();
  expect(report).toMatchObject({ reboot: true, release: { build: made.build } });
  const installed = await readFile(join(root, slotFile('b', 'initrd')));
  const size = original.files.initrd.length;
  expect(installed.subarray(0, size).equals(original.files.initrd)).toBe(true);
  const archive = installed.subarray(size + ((4 - (size % 4)) % 4));
  expect(archive.toString('latin1')).toMatch(/^070701[0-9A-F]+osmith-release\0[^]*TRAILER!!!\0+$/);
  expect(server.sent()).toBeLessThan(400_000);
  expect(server.reached(`${image.name}.initrd`)).toBe(1);
});

/** What the machine says. */
const REASONS: Partial<Record<FaultName, RegExp>> = {
  expired: /The token expired on/,
  'wrong-key': /The signature of the token does not hold/,
  'altered-token': /The signature of the token does not hold/,
  unsigned: /No key that is trusted/,
  'other-name': /it is of another_build/,
  'other-arch': /it is for arm64, this machine is amd64/,
  'flip-bit': /is not the file that the release names/,
  garbage: /is not the file that the release names/,
  truncated: /its release says/,
  missing: /the server answers 404/,
  stall: /nothing received for/,
  'cut-off': /Cannot download/,
};

/** Faults that show only in the file itself, after the other slot was emptied for it. */
const LATE: readonly string[] = ['flip-bit', 'garbage', 'stall', 'cut-off'];

test.each(FAULT_NAMES)(
  'a release with the fault %s is refused, and what the machine boots stays as it is',
  async (name) => {
    const before = await snapshot(root);
    await publish('newer', FAULTS[name], LATE.includes(name) ? 99.99 : 50);
    if (name === 'older') expect((await update()).decision.action).toBe('refuse');
    else await expect(update()).rejects.toThrow(REASONS[name]);
    const after = await snapshot(root, LATE.includes(name) ? ['a'] : ['a', 'b']);
    expect(after).toEqual(before);
    expect(after.has(GRUBENV)).toBe(true);
  },
);

test('a server that stalls lets go of its readers when something else is published', async () => {
  await publish('newer', FAULTS.stall, 30);
  const name = `${image.name}.initrd`;
  const closed = new Promise<number>((resolve) => {
    let received = 0;
    const call = request({ port: server.port, path: `/${name}` }, (response) => {
      response.on('data', (piece: Buffer) => (received += piece.length));
      response.on('close', () => resolve(received));
      response.on('error', () => {});
    });
    call.on('error', () => {});
    call.end();
  });
  while ((server.reached(name) ?? 0) < 0.29) await sleep(10);
  await publish('newer');
  expect(await closed).toBeLessThan(0.31 * 2_000_100);
  expect(server.reached(name)).toBeUndefined();
});

test.each([
  ['bytes=0-9', 206, 10],
  ['bytes=1999990-', 206, 0],
  ['bytes=99999999-', 416, 0],
])('ranges: %s', async (range, status, length) => {
  await publish('same');
  const answer = await fetch(`http://127.0.0.1:${server.port}/${image.name}.initrd`, { headers: { range } });
  expect(answer.status).toBe(status);
  const bytes = (await answer.arrayBuffer()).byteLength;
  if (length > 0) expect(bytes).toBe(length);
  expect((await fetch(`http://127.0.0.1:${server.port}/../manifest.json`)).status).toBe(404);
});
