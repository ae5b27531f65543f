import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildId, type SlotSystem } from '../disk/boot-slots.ts';
import { environmentOf, RECORD_SIZE, recordBlock, ROOT_PART } from '../disk/gpt-slots.ts';
import { entriesOf, readGpt } from '../disk/gpt-table.ts';
import { MIB, SECTOR } from '../disk/layout.ts';
import { now } from '../env.ts';
import { formatKey, publicKeyOf, readClaims, signJwt } from '../pattern/index.ts';
import { chunkFile, formatIndex } from './chunks.ts';
import { gptSlotStore } from './gpt-slots.ts';
import { slotTable } from './layouts-under-test.ts';
import { rawDisk } from './raw-disk.ts';
import { verifyAt } from './release.ts';
import type { SlotAccess, SlotStore } from './slot-store.ts';
import { NAME, noise, serve, signer, type TestServer } from './testing.ts';
import { runUpdate } from './update.ts';

const SLOT = 4 * MIB;
const body = noise('root', 3_000_000);
const oldImage = body;
const nextImage = Buffer.concat([
  body.subarray(0, 1_000_000),
  noise('new', 50_000),
  body.subarray(1_000_000),
]);

let dir = '';
let server: TestServer;
let slots: SlotAccess;

function systemOf(image: Buffer, epoch: number): SlotSystem {
  const sha256 = createHash('sha256').update(image).digest('hex');
  const parts = [{ name: ROOT_PART, size: image.length, sha256 }];
  return { name: NAME, build: buildId(parts), epoch, issued: 0, cmdline: '', parts };
}

const file = (name: string) => join(dir, name);

async function publish(image: Buffer, epoch: number, arch = 'amd64'): Promise<void> {
  const { parts } = systemOf(image, epoch);
  await writeFile(file('published'), image);
  const index = formatIndex(await chunkFile(file('published')));
  const artifacts = [
    { ...parts[0]!, name: `${NAME}.${ROOT_PART}` },
    { name: `${NAME}.${ROOT_PART}.chunks`, size: index.length, sha256: parts[0]!.sha256 },
  ];
  const buildManifest = JSON.stringify({ version: 1, name: NAME, arch, epoch, artifacts });
  server.files.set(`${NAME}.jwt`, Buffer.from(await signJwt({ buildManifest }, signer)));
  server.files.set(`${NAME}.${ROOT_PART}`, image);
  server.files.set(`${NAME}.${ROOT_PART}.chunks`, index);
}

async function update() {
  return runUpdate(
    {
      running: { slot: 'a', build: systemOf(oldImage, 1000).build, root: 'x', trial: false },
      arch: 'amd64',
      slots,
      http: { fetch, signal: new AbortController().signal, stall: 2000 },
      verify: async (token, buildEpoch) =>
        verifyAt(token, readClaims, { keys: [formatKey(publicKeyOf(signer))], now: now(), buildEpoch }),
      log: () => {},
      delays: [10],
    },
    {
      ...{ url: server.url, name: NAME, tries: 1 },
      ...{ checkOnly: false, allowOlder: false, retryFailed: false },
    },
  );
}

const contents = async () => Promise.all(['disk', 'a', 'b'].map(async (name) => readFile(file(name))));

async function environment() {
  const { table } = await readGpt(rawDisk(file('disk')));
  const [a, b] = entriesOf(table).filter(({ name }) => name !== '');
  return environmentOf({ a: a!.state, b: b!.state });
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-gpt-'));
  server = await serve();
  const slot = Buffer.alloc(SLOT);
  oldImage.copy(slot);
  recordBlock(systemOf(oldImage, 1000)).copy(slot, SLOT - RECORD_SIZE);
  await writeFile(file('a'), slot);
  await writeFile(file('b'), Buffer.alloc(SLOT, 'garbage'));
  await writeFile(file('disk'), slotTable({ slot: 'a' }));
  const partition = (name: string) => ({ path: file(name), disk: rawDisk(file(name)) });
  const use = async <T>(act: (store: SlotStore) => Promise<T>) =>
    act(
      gptSlotStore({
        disk: rawDisk(file('disk')),
        slots: { a: partition('a'), b: partition('b') },
        reread: async () => {},
      }),
    );
  slots = { parts: [ROOT_PART], readOnly: use, readWrite: use };
});

afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

test('a release goes to the other partition and on trial, and most of it comes from the running one', async () => {
  await publish(nextImage, 2000);
  // A table that is damaged is mended on the way.
  const disk = await readFile(file('disk'));
  await writeFile(file('disk'), disk.fill(0, SECTOR, 2 * SECTOR));
  const { decision, reboot, traffic } = await update();
  expect(decision).toEqual({ action: 'install', slot: 'b' });
  expect(reboot).toBe(true);
  const [table, a, b] = await contents();
  expect(b!.subarray(0, nextImage.length).equals(nextImage)).toBe(true);
  expect(a!.subarray(0, oldImage.length).equals(oldImage)).toBe(true);
  expect(traffic.remote).toBeLessThan(nextImage.length / 4);
  expect(table!.toString('latin1', SECTOR, SECTOR + 8)).toBe('EFI PART');
  expect(await environment()).toEqual({ slot: 'a', trial: { slot: 'b', left: 1 }, unproven: 'b' });
  expect(await update()).toMatchObject({ decision: { action: 'nothing' } });
});

test('the running partition is mended where it is damaged', async () => {
  await publish(oldImage, 1000);
  const damaged = await readFile(file('a'));
  damaged[2_000_000]! ^= 1;
  await writeFile(file('a'), damaged);
  expect(await update()).toMatchObject({ decision: { action: 'repair', slot: 'a' }, reboot: false });
  expect((await readFile(file('a'))).subarray(0, oldImage.length).equals(oldImage)).toBe(true);
  expect(await update()).toMatchObject({ decision: { action: 'nothing' } });
});

test.each([
  [
    'an image that is larger than the slot',
    async () => publish(Buffer.alloc(SLOT, 'x'), 2000),
    /Slot b holds/,
  ],
  [
    'an image for another architecture',
    async () => publish(nextImage, 2000, 'arm64'),
    /The token of \S+ describes no system for this machine: it is for arm64, this machine is amd64/,
  ],
  [
    'an image that is cut off on the server',
    async () => {
      await publish(nextImage, 2000);
      server.files.set(`${NAME}.${ROOT_PART}`, nextImage.subarray(0, 1_000_000));
    },
    /has 1000000 bytes, its release says \d+/,
  ],
  [
    'any image, when both tables are damaged',
    async () => {
      await publish(nextImage, 2000);
      await writeFile(file('disk'), Buffer.alloc(128 * SECTOR));
    },
    /Both partition tables/,
  ],
])('refused with nothing changed: %s', async (_what, prepare, message) => {
  await prepare();
  const digests = async () =>
    (await contents()).map((data) => createHash('sha256').update(data).digest('hex'));
  const before = await digests();
  await expect(update()).rejects.toThrow(message);
  expect(await digests()).toEqual(before);
});
