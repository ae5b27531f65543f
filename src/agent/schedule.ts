/** Repeats what is to be done again and again, at moments that differ from machine to machine. */
import { setTimeout as sleep } from 'node:timers/promises';
import { randomFraction } from '../env.ts';

/** The longest that a timer of Node can wait, milliseconds. */
const LONGEST = 2 ** 31 - 1;

export interface Rhythm {
  /** Seconds between two runs; 0: only once. */
  every: number;
  /** A random part of so many seconds is waited in addition. */
  delay: number;
}

async function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  for (let left = milliseconds; left > 0; left -= LONGEST)
    await sleep(Math.min(left, LONGEST), undefined, { signal });
}

/** Runs a job at once (after the random delay, if `late`), then in its rhythm, until the signal. Never throws. */
export async function repeat(
  rhythm: Rhythm,
  job: () => Promise<unknown>,
  options: { signal: AbortSignal; late: boolean; failed: (error: Error) => void },
): Promise<void> {
  const { signal, late, failed } = options;
  const spread = () => randomFraction() * rhythm.delay * 1000;
  try {
    await wait(late ? spread() : 0, signal);
    while (!signal.aborted) {
      await job().catch((error: unknown) => {
        if (!signal.aborted) failed(error as Error);
      });
      if (rhythm.every === 0) return;
      await wait(rhythm.every * 1000 + spread(), signal);
    }
  } catch {
    // The signal ended the wait.
  }
}
