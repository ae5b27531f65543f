/** A disk or partition of the machine as bytes. */
import { open, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { RawDisk } from '../disk/gpt-table.ts';
import { SECTOR } from '../disk/layout.ts';

/** `sys`: where sysfs is mounted; a device's own size is 0. */
export function rawDisk(path: string, sys = '/sys'): RawDisk {
  const use = async <T>(flags: 'r' | 'r+', act: (file: Awaited<ReturnType<typeof open>>) => Promise<T>) => {
    const file = await open(path, flags);
    try {
      return await act(file);
    } finally {
      await file.close();
    }
  };
  return {
    async size() {
      const found = await stat(path);
      if (found.isFile()) return found.size;
      return Number(await readFile(join(sys, 'class/block', basename(path), 'size'), 'utf8')) * SECTOR;
    },
    read: async (at, length) =>
      use('r', async (file) => {
        const data = Buffer.alloc(length);
        let done = 0;
        while (done < length) {
          const { bytesRead } = await file.read(data, done, length - done, at + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return data.subarray(0, done);
      }),
    write: async (at, data) =>
      use('r+', async (file) => {
        for (let done = 0; done < data.length;)
          done += (await file.write(data, done, data.length - done, at + done)).bytesWritten;
      }),
    sync: async () => use('r', async (file) => file.sync()),
  };
}
