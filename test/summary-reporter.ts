/** Ends a test run with `N passed, N failed` alone on a line, which every reader of logs can find. */
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    process.stdout.write(`${summary(modules, unhandled.length)}\n`);
  }
}

/** A file that cannot be loaded, a failed hook and an error outside of any test count as one failure each. */
export function summary(modules: readonly TestModule[], unhandled: number): string {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const count = (state: string) => tests.filter((test) => test.result().state === state).length;
  const groups = modules.flatMap((module) => [module, ...module.children.allSuites()]);
  const broken = groups.filter((group) => group.errors().length > 0).length;
  const skipped = count('skipped') + count('pending');
  const line = `${count('passed')} passed, ${count('failed') + broken + unhandled} failed`;
  return skipped === 0 ? line : `${line}, ${skipped} skipped`;
}
