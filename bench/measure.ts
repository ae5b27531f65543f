/** Times programs: elapsed time, and processor time, which says more on a machine that others use too. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Seconds. */
export interface Sample {
  elapsed: number;
  /** Processor time of the program and all it started. */
  cpu: number;
}

export interface Command {
  argv: readonly string[];
  env?: Record<string, string>;
  /** Takes what the program prints. */
  log: string;
}

/** bash writes the times to file descriptor 3. */
const TIMED = 'TIMEFORMAT="%R %U %S"; log=$1; shift; { time "$@" > "$log" 2>&1 3>&-; } 2>&3';

/** Runs a program to its end. Throws with the end of its output when it fails. */
export async function measure({ argv, env = {}, log }: Command): Promise<Sample> {
  mkdirSync(dirname(log), { recursive: true });
  const child = spawn('bash', ['-c', TIMED, 'bash', log, ...argv], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  let times = '';
  child.stdio[3]!.on('data', (data: Buffer) => (times += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) {
    const tail = readFileSync(log, 'utf8').trim().split('\n').slice(-15).join('\n');
    throw new Error(`${argv.join(' ')} failed:\n${tail}`);
  }
  return parseTimes(times);
}

/** `ELAPSED USER SYSTEM`, as bash prints it for TIMEFORMAT='%R %U %S'. */
export function parseTimes(line: string): Sample {
  const [elapsed = NaN, user = NaN, system = NaN] = line.trim().split(/\s+/).map(Number);
  return { elapsed, cpu: user + system };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
