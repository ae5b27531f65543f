/** Writing to a disk, and reading back what has come to lie there. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { BLOCK, isZero, sparseHash } from '../disk/sparse-hash.ts';
import { isSystemError, OsmithError } from '../errors.ts';
import type { RunProgram } from '../update/programs.ts';

const ZEROS = Buffer.alloc(BLOCK);

export type OnProgress = (done: number, total: number) => void;

export interface BlockDevice {
  path: string;
  file: FileHandle;
  run: RunProgram;
}

/** Nobody else may have it in use. */
export async function openDevice(path: string, run: RunProgram): Promise<BlockDevice> {
  try {
    return { path, run, file: await open(path, constants.O_RDWR | constants.O_EXCL) };
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new OsmithError('E_INSTALL', `The disk ${path} cannot be written to: ${cause.message}`, {
      cause,
      hint: 'Is it in use, or write-protected?',
    });
  }
}

export async function writeAt({ file }: BlockDevice, data: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < data.length;)
    done += (await file.write(data, done, data.length - done, at + done)).bytesWritten;
}

/** The disk does it by itself, if it can. */
export async function zero(device: BlockDevice, start: number, length: number): Promise<void> {
  if (length <= 0) return;
  const range = ['--offset', String(start), '--length', String(length)];
  const { exit } = await device.run(['blkdiscard', '--force', '--zeroout', ...range, device.path]);
  if (exit === 0) return;
  for (let done = 0; done < length; done += BLOCK)
    await writeAt(device, ZEROS.subarray(0, Math.min(BLOCK, length - done)), start + done);
}

async function* blocks(file: FileHandle, start: number, length: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(BLOCK);
  for (let done = 0; done < length;) {
    const wanted = Math.min(BLOCK, length - done);
    let filled = 0;
    while (filled < wanted) {
      const { bytesRead } = await file.read(buffer, filled, wanted - filled, start + done + filled);
      if (bytesRead === 0)
        throw new OsmithError('E_INSTALL', `There are ${done + filled} bytes where ${length} should be`);
      filled += bytesRead;
    }
    yield buffer.subarray(0, wanted);
    done += wanted;
  }
}

/** Writes a file to a place on the disk. Runs of zeros are not sent, but made there. */
export async function copyTo(
  device: BlockDevice,
  { path, size, at }: { path: string; size: number; at: number },
  progress: OnProgress,
): Promise<void> {
  const source = await open(path);
  let done = 0;
  let zeros = 0;
  try {
    for await (const block of blocks(source, 0, size)) {
      if (isZero(block)) zeros += block.length;
      else {
        await zero(device, at + done - zeros, zeros);
        zeros = 0;
        await writeAt(device, block, at + done);
      }
      done += block.length;
      progress(done, size);
    }
    await zero(device, at + done - zeros, zeros);
  } finally {
    await source.close();
  }
}

/** The digest of a range of an open file. */
export async function digestRange(
  file: FileHandle,
  { start, length }: { start: number; length: number },
  progress: OnProgress,
): Promise<string> {
  const hash = sparseHash();
  let done = 0;
  for await (const block of blocks(file, start, length)) {
    hash.update(block, done);
    progress((done += block.length), length);
  }
  return hash.digest(length);
}

export async function digestOfFile(path: string, size: number, progress: OnProgress): Promise<string> {
  const file = await open(path);
  try {
    return await digestRange(file, { start: 0, length: size }, progress);
  } finally {
    await file.close();
  }
}

/** All is on the disk, and what is read next comes from there, not from memory. */
export async function settle({ file, run, path }: BlockDevice): Promise<void> {
  await file.sync();
  await run(['blockdev', '--flushbufs', path]);
}
