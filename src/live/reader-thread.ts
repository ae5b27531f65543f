/** A thread that reads files of file systems, for readers.ts. */
import { closeSync, openSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { Ext4 } from './ext4.ts';
import { taken } from './queue.ts';
import type { Question } from './readers.ts';

parentPort!.on('message', ({ file, at, inodes }: Question) => {
  const fd = openSync(file, 'r');
  try {
    const system = new Ext4(fd, at);
    const digests: [inode: number, digest: string][] = [];
    for (const inode of taken(inodes)) digests.push([inode, system.digest(inode)]);
    parentPort!.postMessage(digests);
  } finally {
    closeSync(fd);
  }
});
