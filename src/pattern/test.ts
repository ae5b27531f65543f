/** The four-phase test of a list of commands: change, check, remove, check. */
import { runCommands } from './engine.ts';
import type { CommandResult, Mode, RunOptions, RunReport } from './types.ts';

export interface TestProblem {
  id: string;
  message: string;
}

export interface TestReport {
  ok: boolean;
  problems: TestProblem[];
  /** Those that ran, in order. */
  phases: { mode: Mode; report: RunReport }[];
}

/**
 * After the changes every check must pass, and after the removals every check that failed at first must fail again.
 * Removes also what a failed change has left.
 */
export async function testCommands(options: Omit<RunOptions, 'mode' | 'previous'>): Promise<TestReport> {
  const phases: TestReport['phases'] = [];
  const run = async (mode: Mode): Promise<RunReport> => {
    const report = await runCommands({ ...options, mode });
    phases.push({ mode, report });
    return report;
  };
  const problems: TestProblem[] = [];
  const failure = ({ failed, err }: RunReport): TestProblem[] =>
    failed === undefined ? [] : [{ id: failed.id, message: err.slice(failed.id.length + 2) }];
  const failing = ({ results }: RunReport) => results.filter(({ check = 0 }) => check !== 0);

  const changed = await run('change');
  problems.push(...failure(changed));
  if (changed.failed === undefined)
    problems.push(
      ...failing(await run('check')).map(({ id, check }) => ({
        id,
        message: `check fails after the change, with exit code ${check}`,
      })),
    );
  if (options.signal?.aborted === true) return { ok: false, problems, phases };

  const removed = await run('remove');
  problems.push(...failure(removed));
  if (changed.failed === undefined && removed.failed === undefined) {
    const passing = new Set((await run('check')).results.filter(passed).map(({ id }) => id));
    const left = failing(changed).filter(({ id }) => passing.has(id));
    problems.push(...left.map(({ id }) => ({ id, message: 'check still passes after the removal' })));
  }
  return { ok: problems.length === 0, problems, phases };
}

function passed({ check }: CommandResult): boolean {
  return check === 0;
}
