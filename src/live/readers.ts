/** Reads file systems by several threads: of all that an update does, reading it again takes longest. */
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Listing } from '../diff/types.ts';
import { Ext4, type Tree } from './ext4.ts';
import { end, newQueue, put, taken, type Queue } from './queue.ts';

/** What a thread is asked: the digests of as many files of a file system as it gets. */
export interface Question {
  file: string;
  /** Where the file system begins. */
  at: number;
  inodes: Queue;
}

type Digests = [inode: number, digest: string][];

export interface Readers {
  /** All that is in a file system at a place in a file, with contents. */
  list(file: string, at: number): Promise<Listing>;
  close(): Promise<void>;
}

function openThread() {
  const worker = new Worker(new URL('./reader-thread.ts', import.meta.url));
  const failed = new Promise<never>((_, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread has ended')));
  });
  failed.catch(() => {}); // told to who asks it
  return {
    ask: async (question: Question): Promise<Digests> => {
      worker.postMessage(question);
      const [digests] = (await Promise.race([once(worker, 'message'), failed])) as [Digests];
      return digests;
    },
    close: () => worker.terminate(),
  };
}

/** The tree; its files are read as soon as they are found. */
function findFiles(system: Ext4, inodes: Queue): Tree {
  try {
    return system.tree((inode) => put(inodes, inode));
  } finally {
    end(inodes);
  }
}

/** They start meanwhile. */
export function openReaders(): Readers {
  const threads = Array.from({ length: Math.min(availableParallelism(), 4) - 1 }, openThread);
  return {
    list: async (file, at) => {
      const fd = openSync(file, 'r');
      try {
        const system = new Ext4(fd, at);
        const inodes = newQueue(system.about.inodes);
        const asked = threads.map(({ ask }) => ask({ file, at, inodes }).catch(() => []));
        const { listing, files } = findFiles(system, inodes);
        const own = Array.from(taken(inodes), (inode): Digests[number] => [inode, system.digest(inode)]);
        for (const [inode, digest] of [own, ...(await Promise.all(asked))].flat())
          files.get(inode)!.digest = digest;
        // What a thread could not read is read here: that says why.
        for (const [inode, facts] of files) facts.digest ??= system.digest(inode);
        return listing;
      } finally {
        closeSync(fd);
      }
    },
    close: async () => void (await Promise.all(threads.map(({ close }) => close()))),
  };
}
