/** Decides the trial of a new system: healthy in time, and it stays; else the machine starts the old one again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { settle } from './install.ts';
import type { RunProgram } from './programs.ts';
import type { SlotAccess } from './slot-store.ts';
import type { Running } from './slots.ts';

export interface TrialOptions {
  /** Exits with 0 when the machine is healthy. */
  health: readonly string[];
  /** Milliseconds until it must have. */
  within: number;
  /** Milliseconds between two looks. */
  interval: number;
}

export interface TrialContext {
  running: Running;
  slots: SlotAccess;
  run: RunProgram;
  signal: AbortSignal;
  log: (line: string) => void;
}

/** Makes the running system the one that is booted from now on. */
export async function confirm(running: Running, slots: SlotAccess): Promise<void> {
  const { slot } = running;
  if (slot !== undefined) await slots.readWrite(async (store) => settle(store, slot));
}

/** The look was broken off: what the program would have said nobody knows. */
const STOPPED = Symbol('stopped');

/** One look; a text says what is missing. */
async function attempt(
  { running, slots, run }: TrialContext,
  health: readonly string[],
  signal: AbortSignal,
): Promise<string | typeof STOPPED | undefined> {
  const { exit, stdout, stderr } = await run(health, signal);
  if (exit !== 0 && signal.aborted) return STOPPED;
  if (exit !== 0) return `${health.join(' ')}: ${(stdout + stderr).trim() || `ended with ${exit}`}`;
  // The disk may show up late: early in the boot no fault is final.
  return confirm(running, slots).then(
    () => undefined,
    (error: unknown) => `cannot be confirmed: ${(error as Error).message}`,
  );
}

/** Looks until the machine is healthy, then confirms it. Throws E_UPDATE when that takes too long. */
export async function endTrial(context: TrialContext, options: TrialOptions): Promise<void> {
  const { signal, log } = context;
  const { health, within, interval } = options;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(within)]);
  const end = now() + within;
  let missing = `${health.join(' ')} has not come to an end`;
  let told: string | undefined;
  while (!limit.aborted) {
    const found = await attempt(context, health, limit);
    if (found === undefined) return log('this system is healthy: it is the one that is booted from now on');
    if (found === STOPPED) break;
    if (found !== told) log(`not healthy yet: ${found}`);
    missing = told = found;
    await sleep(Math.max(0, Math.min(interval, end - now())), undefined, { signal: limit }).catch(() => {});
  }
  signal.throwIfAborted();
  throw new OsmithError('E_UPDATE', `This system did not become healthy in ${within / 1000} s: ${missing}`, {
    hint: 'The machine is restarted; when the trial is over, it boots the system it had before',
  });
}
