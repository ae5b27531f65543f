/** The disk to convert: as it is, or larger. The published one is never touched, and nothing of it is copied. */
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { growGpt, gptEntries, type Patch } from '../../disk/grow-gpt.ts';
import { SECTOR } from '../../disk/layout.ts';
import { overlayArgv, writeIntoArgv, type SourceDisk } from '../../disk/qemu-img.ts';
import type { StepContext } from '../types.ts';

/** What must change so that a GPT reaches to the new end. */
async function patches(raw: string, size: number): Promise<Patch[]> {
  const disk = await open(raw);
  try {
    const read = async (at: number, length: number) =>
      (await disk.read(Buffer.alloc(length), 0, length, at)).buffer;
    const header = await read(SECTOR, SECTOR);
    const entries = gptEntries(header);
    if (entries === undefined) return [];
    return growGpt(await read(0, SECTOR), header, await read(entries.at, entries.length), size);
  } finally {
    await disk.close();
  }
}

export async function sourceDisk(context: StepContext<unknown>, size: number): Promise<SourceDisk> {
  if (size === context.blob('raw').size) return { file: '/in/raw', format: 'raw' };
  const grown = 'grown.qcow2';
  await context.exec({ argv: overlayArgv('/in/raw', grown, size) });
  const writes = [];
  for (const [index, { at, data }] of (await patches(context.path('raw'), size)).entries()) {
    const file = `gpt-${index}`;
    await writeFile(join(context.work, file), data);
    writes.push({ file, at, length: data.length });
  }
  if (writes.length > 0) await context.exec({ argv: writeIntoArgv(grown, writes) });
  return { file: grown, format: 'qcow2' };
}
