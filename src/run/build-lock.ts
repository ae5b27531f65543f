/** Locks of whole builds: who has to wait is told for whom. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { now } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { sha256 } from './key.ts';
import { lockFile, type Lock } from './lock.ts';
import type { Store } from './store.ts';

/** Written into the lock file by who has the lock. */
interface Holder {
  pid: number;
  command: string;
  /** Milliseconds since the Unix epoch. */
  since: number;
}

export interface BuildLock {
  kind: 'variant' | 'out';
  /** What only one build may use at a time; any text. */
  thing: string;
  /** For messages, such as `the variant appliance`. */
  name: string;
  /** Command line of this process, for those who wait for it. */
  command: string;
  /** How long to wait. */
  seconds: number;
  onWait: (text: string) => void;
  signal: AbortSignal;
  /** What helps other than waiting. */
  hint: string;
}

async function holderOf(file: string): Promise<string> {
  try {
    const { pid, command, since } = JSON.parse(await readFile(file, 'utf8')) as Holder;
    const time = new Date(since).toISOString().slice(0, 19).replace('T', ' ');
    return `process ${pid} (${command}), since ${time} UTC`;
  } catch {
    return 'another process'; // it has only just taken it
  }
}

const USE = { variant: 'is being built', out: 'is being written' };

/**
 * Waits until no other build uses the thing, `seconds` at most: then E_LOCK. The lock is in the store; gc keeps such
 * files.
 */
export async function lockBuild(store: Store, request: BuildLock): Promise<Lock> {
  const { kind, thing, name, command, seconds, onWait, signal, hint } = request;
  const file = join(store.dir, 'locks', `${kind}-${sha256(thing)}`);
  const lock = (await lockFile(file, { wait: false, signal })) ?? (await waitFor());
  await writeFile(file, JSON.stringify({ pid: process.pid, command, since: now() } satisfies Holder));
  return lock;

  async function waitFor(): Promise<Lock> {
    const holder = await holderOf(file);
    onWait(`Waiting, ${seconds} s at most: ${name} ${USE[kind]} by ${holder}`);
    const timeout = AbortSignal.timeout(seconds * 1000);
    try {
      const lock = await lockFile(file, { wait: true, signal: AbortSignal.any([signal, timeout]) });
      return lock!; // it waited until it had it
    } catch (error) {
      if (signal.aborted || !timeout.aborted) throw error;
      throw new OsmithError(
        'E_LOCK',
        `After ${seconds} s ${name} still ${USE[kind]} by ${await holderOf(file)}`,
        {
          hint,
        },
      );
    }
  }
}
