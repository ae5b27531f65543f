/**
 * Ends a test run with the names of what was not run, was right only at a second try, or failed, and `N passed, N failed`
 * alone on a line: whoever sees no more than the end of a log learns what to look at. A run that is ended from outside
 * says what was running, and what had not ended.
 */
import { writeSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, SerializedError, TestCase, TestModule, TestSpecification } from 'vitest/node';

export default class SummaryReporter implements Reporter {
  /** Tests that run, and when they began, in ms. */
  private readonly running = new Map<TestCase, number>();
  /** The files that have not ended: id to name. */
  private readonly waiting = new Map<string, string>();

  onTestRunStart(files: readonly TestSpecification[]): void {
    for (const { moduleId, project } of files) {
      this.waiting.set(moduleId, relative(project.config.root, moduleId));
    }
    // Vitest leaves at once as soon as its own listener is called.
    process.prependOnceListener('SIGTERM', () => writeSync(1, `${this.unfinished()}\n`));
  }

  onTestCaseReady(test: TestCase): void {
    this.running.set(test, Date.now());
  }

  onTestCaseResult(test: TestCase): void {
    this.running.delete(test);
  }

  onTestModuleEnd(module: TestModule): void {
    this.waiting.delete(module.moduleId);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    process.stdout.write(`${summary(modules, unhandled)}\n`);
  }

  private unfinished(): string {
    const running = [...this.running].map(
      ([test, since]) =>
        `RUNNING ${fileOf(test)} > ${test.fullName}: for ${Math.round((Date.now() - since) / 1000)} s`,
    );
    const waiting = [...this.waiting.values()].map((file) => `NOT ENDED ${file}`);
    return [...waiting, ...running].join('\n');
  }
}

/** A file that cannot be loaded, a failed hook and an error outside of any test count as one failure each. */
export function summary(modules: readonly TestModule[], unhandled: readonly SerializedError[]): string {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const inState = (state: string) => tests.filter((test) => test.result().state === state);
  const groups = modules.flatMap((module) => [module, ...module.children.allSuites()]);
  const failed = [
    ...inState('failed').map((test) => line('FAILED', fileOf(test), test.fullName, test.result().errors)),
    ...groups
      .filter((group) => group.errors().length > 0)
      .map((group) =>
        line('FAILED', fileOf(group), 'fullName' in group ? group.fullName : '', group.errors()),
      ),
    ...unhandled.map((error) => line('FAILED', '', 'outside of any test', [error])),
  ];
  const flaky = tests.filter((test) => test.diagnostic()?.flaky === true);
  const skipped = [...inState('skipped'), ...inState('pending')];
  const left = skipped.map((test) => {
    const result = test.result();
    const note = result.state === 'skipped' ? result.note : undefined;
    return line('SKIPPED', fileOf(test), test.fullName, note === undefined ? [] : [{ message: note }]);
  });
  const counts = `${inState('passed').length} passed, ${failed.length} failed`;
  const again = flaky.map((test) => line('FLAKY', fileOf(test), test.fullName, test.result().errors));
  const last = skipped.length === 0 ? counts : `${counts}, ${skipped.length} skipped`;
  return [...left, ...again, ...failed, last].join('\n');
}

function fileOf(entity: TestCase | TestModule | { module: TestModule }): string {
  return 'module' in entity ? entity.module.relativeModuleId : entity.relativeModuleId;
}

function line(word: string, file: string, name: string, errors: readonly { message: string }[] = []): string {
  const first = errors[0]?.message.split('\n')[0]?.slice(0, 200) ?? '';
  return `${word} ${[file, name].filter((part) => part !== '').join(' > ')}${first === '' ? '' : `: ${first}`}`;
}
