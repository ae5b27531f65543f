/** Runs the real command line as a user would, as a process of its own. */
import { join } from 'node:path';
import { execa } from 'execa';

export const REPO = join(import.meta.dirname, '../..');

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Another checkout of the project. */
  repo?: string;
  /** User and group to run as; only root can. */
  user?: { name: string; home: string; group?: string };
}

export interface Finished {
  exitCode: number;
  stdout: string;
  stderr: string;
  /** Both outputs as a user sees them. */
  all: string;
}

/** `osmith ARGS...`; never throws for an exit code. */
export async function osmith(args: string[], options: RunOptions = {}): Promise<Finished> {
  const { repo = REPO, user } = options;
  const argv = [join(repo, 'osmith'), ...args];
  const as = [
    'setpriv',
    `--reuid=${user?.name}`,
    `--regid=${user?.group ?? user?.name}`,
    '--init-groups',
    'env',
    `HOME=${user?.home}`,
  ];
  const [program, ...rest] = user === undefined ? argv : [...as, ...argv];
  const done = await execa(program!, rest, {
    reject: false,
    all: true,
    stdin: 'ignore',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  return { exitCode: done.exitCode ?? 128, stdout: done.stdout, stderr: done.stderr, all: done.all };
}

/** The JSON lines of a run with `--json`. */
export function jsonLines(finished: Finished): Record<string, unknown>[] {
  return finished.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
