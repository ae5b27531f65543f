/** Keeps the last token of each source, in two files that are written in turn: one of them is always whole. */
import { createHash } from 'node:crypto';
import { mountedDisk, type BootDisk } from '../update/boot-disk.ts';
import type { BootFiles } from '../update/esp.ts';

export interface Accepted {
  token: string;
  /** When it was accepted, milliseconds since 1970. It may have expired since: what was accepted stays. */
  at: number;
}

export interface StateStore {
  load(source: string): Promise<Accepted | undefined>;
  save(source: string, accepted: Accepted): Promise<void>;
}

/** Access to a disk for the time of one call. */
export type UseDisk = <T>(mode: 'ro' | 'rw', use: (disk: BootDisk) => Promise<T>) => Promise<T>;

interface Record extends Accepted {
  sequence: number;
}

const sum = (body: string) => createHash('sha256').update(body).digest('hex');

function format(record: Record): string {
  const body = JSON.stringify(record);
  return `${sum(body)}\n${body}\n`;
}

function parse(content: string | undefined): Record | undefined {
  const [digest, body] = (content ?? '').split('\n');
  if (digest === undefined || body === undefined || sum(body) !== digest) return undefined;
  return JSON.parse(body) as Record;
}

/** `directory` is relative to the disk's root. */
export function stateStore(useDisk: UseDisk, directory: string): StateStore {
  const path = (source: string, turn: number) => `${directory}/${source}.${turn}`;
  const newest = async (disk: BootDisk, source: string) => {
    const records = await Promise.all([0, 1].map(async (turn) => parse(await disk.read(path(source, turn)))));
    return records.filter((record) => record !== undefined).sort((a, b) => b.sequence - a.sequence)[0];
  };
  return {
    load: async (source) => useDisk('ro', async (disk) => newest(disk, source)),
    save: async (source, { token, at }) =>
      useDisk('rw', async (disk) => {
        const sequence = ((await newest(disk, source))?.sequence ?? 0) + 1;
        const file = path(source, sequence % 2);
        await disk.makeDirectory(directory);
        await disk.remove(file);
        await disk.write(file, Buffer.from(format({ sequence, token, at })), 0);
        await disk.sync(file);
      }),
  };
}

/** State in a directory of the system. */
export function directoryState(directory: string): StateStore {
  const disk = mountedDisk(directory);
  return stateStore(async (_mode, use) => use(disk), '.');
}

/** State beside the boot files, for systems that have no other disk. */
export function bootDiskState(boot: BootFiles): StateStore {
  const useDisk: UseDisk = async (mode, use) => (mode === 'ro' ? boot.readOnly(use) : boot.readWrite(use));
  return stateStore(useDisk, 'osmith/state');
}
