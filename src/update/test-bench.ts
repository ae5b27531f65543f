/** A machine and a server for tests of whole updates; new for each test. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { GRUBENV, parseEnvironment, slotFile, type BootEnvironment, type Slot } from '../disk/boot-slots.ts';
import { now } from '../env.ts';
import { formatKey, publicKeyOf, readClaims } from '../pattern/index.ts';
import type { BootFiles } from './esp.ts';
import { espSlots } from './esp-slots.ts';
import { verifyAt } from './release.ts';
import { runUpdate, type UpdateReport, type UpdateRequest } from './update.ts';
import {
  build,
  directoryBoot,
  freshBoot,
  NAME,
  noise,
  serve,
  signer,
  type Build,
  type TestServer,
} from './testing.ts';

export const size = 3_000_000;
const body = noise('root', size);
export const old = build('1', 1000, Buffer.concat([Buffer.from('1'), body]));
/** Something goes in near the front, something is changed near the end. */
export const next = build(
  '2',
  2000,
  Buffer.concat([
    body.subarray(0, 300_000),
    noise('new package', 50_000),
    body.subarray(300_000, 2_500_000),
    noise('changed', 20_000),
    body.subarray(2_520_000),
  ]),
);

export interface Bench {
  /** The boot disk. */
  root: string;
  work: string;
  server: TestServer;
  boot: BootFiles;
}

/** Made anew before each test of the file that calls this. */
export function useBench(): Bench {
  const bench = {} as Bench;
  beforeEach(async () => {
    bench.work = await mkdtemp(join(tmpdir(), 'osmith-update-'));
    bench.root = await mkdtemp(join(bench.work, 'esp-'));
    bench.server = await serve();
    bench.boot = directoryBoot(bench.root);
    await freshBoot(bench.root, old);
  });
  afterEach(async () => {
    await bench.server.close();
    await rm(bench.work, { recursive: true, force: true });
  });
  return bench;
}

export interface Change extends Partial<UpdateRequest> {
  running?: Build;
  slot?: Slot;
  stall?: number;
  boot?: BootFiles;
}

/** One run of an update on the bench. */
export async function update(bench: Bench, change: Change = {}): Promise<UpdateReport> {
  const { running = old, slot = 'a', stall = 2000, boot = bench.boot, ...request } = change;
  return runUpdate(
    {
      running: { slot, build: running.system.build, trial: false },
      arch: 'amd64',
      slots: espSlots(boot),
      http: { fetch, signal: new AbortController().signal, stall },
      verify: async (token, buildEpoch) =>
        verifyAt(token, readClaims, { keys: [formatKey(publicKeyOf(signer))], now: now(), buildEpoch }),
      log: () => {},
      delays: [10, 10],
    },
    {
      ...{ url: bench.server.url, name: NAME, tries: 2 },
      ...{ checkOnly: false, allowOlder: false, retryFailed: false, ...request },
    },
  );
}

export async function environment({ root }: Bench): Promise<BootEnvironment> {
  return parseEnvironment(await readFile(join(root, GRUBENV), 'utf8'));
}

export async function isInSlot({ root }: Bench, slot: Slot, made: Build): Promise<boolean> {
  const files = await Promise.all(
    (['vmlinuz', 'initrd'] as const).map(async (name) =>
      (await readFile(join(root, slotFile(slot, name)))).equals(made.files[name]),
    ),
  );
  return files.every(Boolean);
}
