/** A shell where the program of a step has failed. */
import type { OsmithError } from '../errors.ts';
import type { Environment, Job } from '../run/context.ts';
import { startSandbox } from '../run/sandbox.ts';

export async function openShell(job: Job, error: OsmithError, { store }: Environment): Promise<void> {
  if (job.sandbox === undefined || error.code === 'E_INTERRUPTED') return;
  process.stderr.write(`\n${error.message}\nShell in the sandbox of ${job.step.id}; exit ends it.\n`);
  const shell = await startSandbox(
    {
      ...{ ...job.sandbox, store: store.dir },
      argv: ['/bin/sh', '-i'],
      env: { ...job.sandbox.env, TERM: 'xterm', PS1: `${job.step.id} # ` },
      stdio: ['inherit', 'inherit', 'inherit'],
      foreground: true,
    },
    job.dir,
  );
  await shell.exit;
}
