/** Tar archives of a few files: plain ones of root's, in the given order. */
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import type { ArchiveMember } from './archive-member.ts';

/** Writes `output`; every time in it is `epoch`, seconds. */
export async function writeTar(
  output: string,
  members: readonly ArchiveMember[],
  epoch: number,
): Promise<void> {
  const tar = pack();
  const written = pipeline(tar, createWriteStream(output));
  const mtime = new Date(epoch * 1000);
  for (const { name, source } of members) {
    const size = Buffer.isBuffer(source) ? source.length : (await stat(source.file)).size;
    const entry = tar.entry({ name, size, mode: 0o644, mtime, uid: 0, gid: 0 });
    const body = Buffer.isBuffer(source) ? Readable.from([source]) : createReadStream(source.file);
    await pipeline(body, entry);
  }
  tar.finalize();
  await written;
}
