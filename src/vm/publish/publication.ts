/** A release with its token, as a server publishes it; with a fault, if that is what is to be tested. */
import { constants } from 'node:fs';
import { copyFile, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { now } from '../../env.ts';
import type { Key } from '../../pattern/index.ts';
import type { Fault } from './faults.ts';
import type { MadeRelease } from './release.ts';
import type { Publication } from './server.ts';
import { formatToken, goodToken } from './token.ts';

/** Where a fault of a file is. */
export interface FaultPlace {
  /** For the spoiled copy. */
  dir: string;
  /** Of the release, such as `initrd`. */
  part: string;
  /** Of the file's size. */
  percent: number;
}

export async function publicationOf(
  made: MadeRelease,
  { own, stranger }: { own: Key; stranger: Key },
  fault: Fault,
  { dir, part, percent }: FaultPlace,
): Promise<Publication> {
  const name = `${made.name}.${part}`;
  const path = made.files.get(name)!;
  const at = Math.floor(((await stat(path)).size * percent) / 100);
  const plan = goodToken(made, own, now());
  const token = await formatToken(fault.token === undefined ? plan : fault.token(plan, stranger));
  const files = new Map(made.files);
  if (fault.file !== undefined) {
    await mkdir(dir, { recursive: true });
    files.set(name, join(dir, name));
    await copyFile(path, join(dir, name), constants.COPYFILE_FICLONE);
    await fault.file(join(dir, name), at);
  }
  return {
    texts: new Map([[`${made.name}.jwt`, token]]),
    files,
    limits: new Map(fault.then === undefined ? [] : [[name, { bytes: at, then: fault.then }]]),
  };
}
