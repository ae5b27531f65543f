/** A directory and a shell for tests that run commands. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { runCommands } from './engine.ts';
import type { Entry, Exec, RunOptions, RunReport } from './types.ts';

export const SH: Exec = { command: 'sh -e -c', allowOverride: true };

export interface CommandBench {
  /** Where scripts run; one for all tests of the file that calls this. */
  dir: string;
  run: (commands: Entry[], options?: Partial<RunOptions>) => Promise<RunReport>;
}

export function useCommands(): CommandBench {
  const bench: CommandBench = {
    dir: '',
    run: async (commands, options = {}) =>
      runCommands({ commands, exec: [{ ...SH, workDir: bench.dir }], mode: 'change', ...options }),
  };
  beforeAll(async () => {
    bench.dir = await mkdtemp(join(tmpdir(), 'osmith-commands-'));
  });
  afterAll(async () => {
    await rm(bench.dir, { recursive: true, force: true });
  });
  return bench;
}

/** What the event `stdout` of a run carried. */
export function printed({ events }: RunReport): string[] {
  return events.filter(({ name }) => name === 'stdout').map(({ value }) => value);
}
