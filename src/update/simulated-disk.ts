/**
 * A disk that keeps what was synced, and after a cut of power any part of what was not: for tests. Bytes that were
 * written but not synced may be garbage; names may be there or not; a sector is written as a whole or not at all.
 */
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { RawDisk } from '../disk/gpt-table.ts';
import type { BootDisk } from './boot-disk.ts';

export class PowerCut extends Error {}

type Effect =
  { path: string; kind: 'write'; data: Buffer; offset: number } | { path: string; kind: 'remove' };

const SECTOR = 512;

/** Applies an effect as far as `keep` says, sector by sector for what was written. */
function apply(files: Map<string, Buffer>, effect: Effect, keep: () => boolean): void {
  const { path } = effect;
  if (effect.kind === 'remove') {
    if (keep()) files.delete(path);
    return;
  }
  const { data, offset } = effect;
  const known = files.get(path);
  if (known === undefined && !keep()) return;
  const old = known ?? Buffer.alloc(0);
  const end = Math.max(old.length, offset + data.length);
  // Bytes between the old end and what has been written are whatever was in the clusters.
  const next = Buffer.alloc(keep() ? end : Math.max(old.length, Math.min(end, offset)), '?');
  old.copy(next);
  for (let at = 0; at < data.length; at += SECTOR - ((offset + at) % SECTOR)) {
    const size = Math.min(SECTOR - ((offset + at) % SECTOR), data.length - at);
    if (offset + at + size <= next.length && keep()) data.copy(next, offset + at, at, at + size);
  }
  files.set(path, next);
}

export interface Simulation {
  disk: BootDisk;
  /** A file as a disk or partition. */
  raw(path: string): RawDisk;
  /** Operations so far. */
  count(): number;
  /** What is on the medium after a cut of power now; `keep` decides about each thing that was not synced. */
  medium(keep: () => boolean): Map<string, Buffer>;
}

/** `cutAt`: the operation before which the power is cut. `room`: bytes in all. */
export function simulate(
  initial: ReadonlyMap<string, Buffer>,
  cutAt = Infinity,
  room = Infinity,
): Simulation {
  let durable = new Map(initial);
  const pending: Effect[] = [];
  const current = new Map(initial);
  let operations = 0;
  const act = (effect?: Effect) => {
    if (operations === cutAt) throw new PowerCut();
    operations += 1;
    if (effect === undefined) return;
    pending.push(effect);
    apply(current, effect, () => true);
  };
  const used = () => [...current.values()].reduce((sum, { length }) => sum + length, 0);
  const disk: BootDisk = {
    read: async (path) => current.get(path)?.toString('latin1'),
    size: async (path) => current.get(path)?.length,
    list: async (directory) =>
      [...current.keys()]
        .filter((path) => dirname(path) === directory)
        .map((path) => path.split('/').at(-1)!),
    makeDirectory: async () => {},
    remove: async (path) => {
      if (current.has(path)) act({ path, kind: 'remove' });
    },
    write: async (path, data, offset) => act({ path, kind: 'write', data: Buffer.from(data), offset }),
    truncate: async (path) => {
      act({ path, kind: 'remove' });
      act({ path, kind: 'write', data: Buffer.alloc(0), offset: 0 });
    },
    sync: async (path) => {
      act();
      const mine = (effect: Effect) => effect.path === path || dirname(effect.path) === path;
      durable = new Map(durable);
      for (const effect of pending.filter(mine)) apply(durable, effect, () => true);
      pending.splice(0, pending.length, ...pending.filter((effect) => !mine(effect)));
    },
    digest: async (path, size) => {
      const data = current.get(path);
      if (data === undefined || data.length < size) return undefined;
      return createHash('sha256').update(data.subarray(0, size)).digest('hex');
    },
    free: async () => room - used(),
  };
  return {
    disk,
    raw: (path) => ({
      size: async () => current.get(path)!.length,
      read: async (at, length) => Buffer.from(current.get(path)!.subarray(at, at + length)),
      write: async (at, data) => disk.write(path, data, at),
      sync: async () => disk.sync(path),
    }),
    count: () => operations,
    medium: (keep) => {
      const files = new Map(durable);
      for (const effect of pending) apply(files, effect, keep);
      return files;
    },
  };
}
