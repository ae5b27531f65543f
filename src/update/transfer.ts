/** Brings the files of a release to a slot: from the other slot where it has them, the rest from the server. */
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SlotPart } from '../disk/boot-slots.ts';
import { OsmithError } from '../errors.ts';
import { chunkFile, MAX_INDEX, parseIndex, planPieces, type Chunk, type Piece } from './chunks.ts';
import { fetchSmall, HttpStatus, request, unreachable, type Http, type Range } from './http.ts';
import type { PartStore } from './slot-store.ts';

/** A file on this machine that may have pieces of the new one, or be the same. */
export interface Seed {
  /** Path for this process. */
  path: string;
  size: number;
  sha256: string;
}

export interface Transfer {
  http: Http;
  store: PartStore;
  /** Where the part is published. */
  url: string;
  /** Where its chunk index is published, if it has one. */
  index?: string | undefined;
  seed?: Seed | undefined;
  /** Waits between attempts, milliseconds. */
  delays?: readonly number[];
  log?: ((line: string) => void) | undefined;
}

/** Bytes that came over the network and from this machine. */
export interface Traffic {
  remote: number;
  local: number;
}

const DELAYS = [1000, 5000, 20_000];
const BLOCK = 1024 * 1024;
/** What a cut of power may cost: bytes between two syncs. */
const SYNC_EVERY = 16 * 1024 * 1024;

/** Appends to a part, through a buffer, syncing now and then. */
function appender(store: PartStore, start: number) {
  let at = start;
  let waiting: Uint8Array[] = [];
  let size = 0;
  let unsynced = 0;
  const flush = async () => {
    if (size === 0) return;
    const data = Buffer.concat(waiting);
    waiting = [];
    size = 0;
    await store.write(data, at);
    at += data.length;
    unsynced += data.length;
    if (unsynced < SYNC_EVERY) return;
    await store.sync();
    unsynced = 0;
  };
  return {
    add: async (data: Uint8Array) => {
      waiting.push(data);
      size += data.length;
      if (size >= BLOCK) await flush();
    },
    flush,
    position: () => at + size,
  };
}
type Appender = ReturnType<typeof appender>;

/** The server sends whole files only: a delta would have it send all of one for each piece. */
class NoRanges extends Error {}

/** Appends a range of the remote file. A server that ignores ranges sends all: what is not wanted is dropped. */
async function copyRemote(
  { http, url }: Transfer,
  range: Range,
  out: Appender,
  whole: boolean,
): Promise<number> {
  let received = 0;
  let skip = 0;
  const onStart = (offset: number) => {
    skip = range.from - offset;
    if (skip > 0 && !whole) throw new NoRanges('the server ignores ranges');
  };
  for await (const chunk of request(http, url, { range, onStart })) {
    received += chunk.length;
    const useful = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - useful.length;
    const rest = range.to - out.position();
    await out.add(useful.subarray(0, rest));
    if (useful.length >= rest) return received;
  }
  throw new Error(`the connection ended after ${out.position()} bytes`);
}

async function copyLocal(path: string, { offset, size }: Piece, out: Appender): Promise<void> {
  const file = await open(path);
  try {
    for (let done = 0; done < size;) {
      const block = Buffer.alloc(Math.min(BLOCK, size - done));
      const { bytesRead } = await file.read(block, 0, block.length, offset + done);
      if (bytesRead === 0) throw new Error(`${path} ends early`);
      await out.add(block.subarray(0, bytesRead));
      done += bytesRead;
    }
  } finally {
    await file.close();
  }
}

interface Plan {
  wanted: Chunk[];
  have: Chunk[];
}

/** The chunks of both files; undefined when a delta is not to be had or does not pay. */
async function deltaPlan(transfer: Transfer, part: SlotPart): Promise<Plan | undefined> {
  const { http, index, seed, log } = transfer;
  if (index === undefined || seed === undefined) return undefined;
  try {
    const wanted = parseIndex(await fetchSmall(http, index, MAX_INDEX), part.size);
    if (wanted === undefined) {
      log?.(`${index} is not the chunk index of this file: downloading all of it`);
      return undefined;
    }
    return { wanted, have: await chunkFile(seed.path, seed.size) };
  } catch (error) {
    http.signal.throwIfAborted();
    log?.(`no delta: ${(error as Error).message}`);
    return undefined;
  }
}

async function run(transfer: Transfer, pieces: Piece[], out: Appender, traffic: Traffic): Promise<void> {
  for (const piece of pieces) {
    transfer.http.signal.throwIfAborted();
    if (piece.from === 'local') {
      await copyLocal(transfer.seed!.path, piece, out);
      traffic.local += piece.size;
    } else {
      const range = { from: piece.offset, to: piece.offset + piece.size };
      traffic.remote += await copyRemote(transfer, range, out, pieces.length === 1);
    }
  }
}

/** What is still to be done from byte `start` on. */
function remaining(part: SlotPart, seed: Seed | undefined, delta: Plan | undefined, start: number): Piece[] {
  const rest = { offset: start, size: part.size - start };
  if (rest.size === 0) return [];
  if (seed?.sha256 === part.sha256) return [{ from: 'local', ...rest }];
  if (delta !== undefined) return planPieces(delta.wanted, delta.have, start);
  return [{ from: 'remote', ...rest }];
}

/**
 * Appends what a part lacks. What is there already is taken to be its beginning; the caller checks the digest of the
 * whole and calls again for an empty file if it does not hold.
 */
export async function transferPart(transfer: Transfer, part: SlotPart): Promise<Traffic> {
  const { store, http, url, log } = transfer;
  const delays = transfer.delays ?? DELAYS;
  const traffic: Traffic = { remote: 0, local: 0 };
  const present = (await store.size()) ?? 0;
  if (present > part.size) await store.truncate(0);
  const seed = transfer.seed;
  const identical = seed?.sha256 === part.sha256;
  let delta = identical || present >= part.size ? undefined : await deltaPlan(transfer, part);
  for (let tries = 0; ;) {
    const start = (await store.size()) ?? 0;
    const out = appender(store, start);
    try {
      await run(transfer, remaining(part, seed, delta, start), out, traffic);
      await out.flush();
      log?.(`${part.name}: ${traffic.remote} bytes downloaded, ${traffic.local} taken from the other slot`);
      return traffic;
    } catch (error) {
      // What has arrived is kept, if it can be.
      await out.flush().catch(() => {});
      http.signal.throwIfAborted();
      if (error instanceof OsmithError) throw error;
      if (error instanceof NoRanges) {
        delta = undefined;
        continue;
      }
      if (out.position() > start) tries = 0;
      const gone = error instanceof HttpStatus && error.status >= 400 && error.status < 500;
      const delay = delays[tries];
      tries += 1;
      if (gone || delay === undefined) throw unreachable(url, error);
      log?.(`${part.name}: ${(error as Error).message}; trying again`);
      await sleep(delay, undefined, { signal: http.signal });
    }
  }
}
