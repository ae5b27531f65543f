/** Reads file systems by several threads: of all that an update does, reading it again takes longest. */
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { FileFacts, Listing } from '../diff/types.ts';
import { Ext4 } from './ext4.ts';

/** What a thread is asked: the digests of files of a file system. */
export interface Share {
  file: string;
  /** Where the file system begins. */
  at: number;
  inodes: number[];
}

export interface Readers {
  /** All that is in a file system at a place in a file, with contents. */
  list(file: string, at: number): Promise<Listing>;
  close(): Promise<void>;
}

/** What it costs to read a file, beside its bytes, and to find it, in bytes. */
export const [PER_FILE, FOUND] = [1 << 16, 3 << 14];

/** Who reads which files, so that nobody waits long for the others. The first one has found them. */
export function shares(files: ReadonlyMap<number, Pick<FileFacts, 'size'>>, count: number): number[][] {
  const all = Array.from({ length: count }, (_, i) => {
    return { inodes: [] as number[], cost: i === 0 ? files.size * FOUND : 0 };
  });
  for (const [inode, { size }] of files) {
    const least = all.reduce((a, b) => (b.cost < a.cost ? b : a));
    least.inodes.push(inode);
    least.cost += size! + PER_FILE;
  }
  return all.map(({ inodes }) => inodes);
}

function openThread() {
  const worker = new Worker(new URL('./reader-thread.ts', import.meta.url));
  const failed = new Promise<never>((_, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread has ended')));
  });
  failed.catch(() => {}); // told to who asks it
  return {
    ask: async (share: Share): Promise<string[]> => {
      worker.postMessage(share);
      const [digests] = (await Promise.race([once(worker, 'message'), failed])) as [string[]];
      return digests;
    },
    close: () => worker.terminate(),
  };
}

/** They start meanwhile. */
export function openReaders(): Readers {
  const threads = Array.from({ length: Math.min(availableParallelism(), 4) - 1 }, openThread);
  return {
    list: async (file, at) => {
      const fd = openSync(file, 'r');
      try {
        const system = new Ext4(fd, at);
        const { listing, files } = system.tree();
        const digests = (inodes: number[]) => inodes.map((inode) => system.digest(inode));
        const [own, ...others] = shares(files, threads.length + 1) as [number[], ...number[][]];
        // What a thread cannot read is read here: that says why.
        const asked = others.map((inodes, i) => threads[i]!.ask({ file, at, inodes }).catch(() => undefined));
        const read = [digests(own), ...(await Promise.all(asked))];
        for (const [i, inodes] of [own, ...others].entries()) {
          const found = read[i] ?? digests(inodes);
          inodes.forEach((inode, j) => (files.get(inode)!.digest = found[j]!));
        }
        return listing;
      } finally {
        closeSync(fd);
      }
    },
    close: async () => void (await Promise.all(threads.map(({ close }) => close()))),
  };
}
