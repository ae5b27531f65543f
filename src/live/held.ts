/** Images that are about to be changed: locked, and copied while it is still being found out what there is to change. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, rm, writeFile, type FileHandle } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { uniqueName } from '../env.ts';
import { OsmithError } from '../errors.ts';
import type { Lock } from '../run/lock.ts';
import { holdImage } from './in-use.ts';
import { noteOf } from './state.ts';

export type ImageFormat = 'raw' | 'qcow2';

export interface HeldImage {
  file: string;
  format: ImageFormat;
  /** The same disk, raw: all is done to it before it takes the image's place. */
  copy: string;
  /** Of raw images: when the copy is whole. */
  copied: Promise<void> | undefined;
  /** The state of the image before it was read. */
  noted: string;
  /** To be called when another file has the image's place. */
  replaced: () => Promise<void>;
  /** Ends what is under way, removes the copy unless it has taken its place, and lets others have the image. */
  release: () => Promise<void>;
}

/** What can be changed in place, of the names of artifacts: the disk itself. */
export function imageFormat(name: string): ImageFormat | undefined {
  if (/\.(?:installer|disk2)\.\w+$/.test(name)) return undefined;
  return /\.(raw|qcow2)$/.exec(name)?.[1] as ImageFormat | undefined;
}

function copyName(file: string): string {
  return join(dirname(file), `.${basename(file)}.live-`);
}

/** Removes copies that killed updates left. */
async function mend(file: string): Promise<void> {
  const prefix = basename(copyName(file));
  const left = (await readdir(dirname(file))).filter((name) => name.startsWith(prefix));
  for (const name of left) await rm(join(dirname(file), name), { force: true });
}

/** Begins to bring a file to the disk. debugfs does that in the end; much is there by then. */
async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.datasync().finally(() => handle.close());
}

/** Copies what a file holds but not its holes. */
async function copyFile(from: string, to: string, signal: AbortSignal): Promise<void> {
  const child = spawn('cp', ['--reflink=auto', '--sparse=auto', '--', from, to], {
    ...{ signal, stdio: ['ignore', 'ignore', 'pipe'] },
  });
  const [said] = await Promise.all([text(child.stderr), once(child, 'close')]);
  if (child.exitCode === 0) return;
  const full = said.includes('No space left on device');
  throw new OsmithError(full ? 'E_NO_SPACE' : 'E_LIVE', `Cannot copy ${from}: ${said.trim()}`, {
    hint: full ? 'Free as much space as the image takes' : 'Build without --live-update',
  });
}

/**
 * A program has the file open until we end: giving back the space of a deleted one takes a tenth of a second where the file
 * system discards it, and nobody needs to wait for that.
 */
async function leave(file: FileHandle): Promise<void> {
  const keeper = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore', file.fd], detached: true });
  keeper.on('error', () => {}); // it only takes longer then
  keeper.unref();
  (keeper.stdin as Socket | null)?.unref();
  await file.close();
}

async function hold(file: string, format: ImageFormat, signal: AbortSignal): Promise<HeldImage> {
  const lock: Lock = await holdImage(file);
  const copy = copyName(file) + uniqueName();
  const ended = new AbortController();
  try {
    await mend(file);
    const noted = await noteOf(file);
    // There from now on: sandboxes get it by its name.
    await writeFile(copy, '');
    const former = await open(file);
    const copied =
      format === 'raw' ? copyFile(file, copy, AbortSignal.any([signal, ended.signal])) : undefined;
    const flushed = copied?.then(() => flush(copy)).catch(() => {}); // copied is told to who waits for it
    const release = async () => {
      ended.abort();
      await flushed;
      await rm(copy, { force: true });
      await former.close();
      await lock.release();
    };
    return { file, format, copy, copied, noted, replaced: () => leave(former), release };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Holds all of them, or none. Throws E_LIVE if somebody uses one. */
export async function holdImages(
  images: readonly { file: string; format: ImageFormat }[],
  signal: AbortSignal,
): Promise<HeldImage[]> {
  const all = await Promise.allSettled(images.map(({ file, format }) => hold(file, format, signal)));
  const held = all.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  const failed = all.find((each) => each.status === 'rejected');
  if (failed === undefined) return held;
  await Promise.all(held.map(({ release }) => release()));
  throw failed.reason;
}
