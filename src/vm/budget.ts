/** What this machine has to offer to virtual ones. */
import { readFile } from 'node:fs/promises';
import { availableParallelism, freemem } from 'node:os';
import type { Cost } from './scenario/pool.ts';

/** QEMU's own memory beside the guest's, in MiB. */
export const OVERHEAD = 200;

/** Memory that programs can have without others being swapped out. */
async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const match = /^MemAvailable: +(\d+) kB$/m.exec(text);
  return match === null ? freemem() / 2 ** 20 : Number(match[1]) / 1024;
}

/** Processors, and nine tenths of the memory that is available. */
export async function machineBudget(): Promise<Cost> {
  return { memory: (await availableMemory()) * 0.9, cpus: availableParallelism() };
}
