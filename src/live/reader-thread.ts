/** A thread that reads files of file systems, for readers.ts. */
import { closeSync, openSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { Ext4 } from './ext4.ts';
import type { Share } from './readers.ts';

parentPort!.on('message', ({ file, at, inodes }: Share) => {
  const fd = openSync(file, 'r');
  try {
    const system = new Ext4(fd, at);
    parentPort!.postMessage(inodes.map((inode) => system.digest(inode)));
  } finally {
    closeSync(fd);
  }
});
