/** What `osmith test` tells at its end. */
import { errorAsJson } from '../report/error.ts';
import { count, duration, oneLine, type Style } from '../report/style.ts';
import type { ScenarioResult } from '../vm/scenario/execute.ts';
import type { Scenario } from '../vm/scenario/types.ts';

export interface Skipped {
  scenario: Scenario;
  why: string;
}

export interface TestReport {
  image: string;
  /** What ran the machines; absent: there were none. */
  acceleration: string | undefined;
  results: ScenarioResult[];
  skipped: Skipped[];
}

const TIME = 8;

/** A scenario's result with a line for each step that ran. */
function resultLines({ scenario, ok, ms, steps, logs }: ScenarioResult, style: Style): string[] {
  const mark = (good: boolean) => (good ? style('green', '✓') : style('red', '✗'));
  const lines = [
    `${mark(ok)} ${duration(ms).padStart(TIME)}  ${style('bold', scenario.name)}  ${scenario.description}`,
  ];
  for (const step of steps) {
    lines.push(
      `  ${mark(step.error === undefined)} ${duration(step.ms).padStart(TIME)}  ${oneLine(step.name)}`,
    );
    if (step.error !== undefined) lines.push(`${' '.repeat(TIME + 6)}${oneLine(step.error.message)}`);
  }
  const left = scenario.steps.length - steps.length;
  if (left > 0) lines.push(style('dim', `${' '.repeat(TIME + 6)}${count(left, 'further step')} not tried`));
  if (!ok) for (const log of logs) lines.push(style('dim', `${' '.repeat(TIME + 6)}console: ${log}`));
  return lines;
}

function how({ acceleration }: TestReport): string {
  return acceleration === undefined ? 'in the sandbox, without a machine' : `machines were ${acceleration}`;
}

/** The report for people; ends with a line break. */
export function renderReport(report: TestReport, style: Style): string {
  const failed = report.results.filter(({ ok }) => !ok).length;
  const good = report.results.length - failed;
  const lines = [
    ...report.results.flatMap((result) => resultLines(result, style)),
    ...report.skipped.map(({ scenario, why }) => style('dim', `- ${scenario.name}: left out, ${why}`)),
    `${report.image}: ${count(good, 'scenario')} passed${failed > 0 ? `, ${failed} failed` : ''}; ${how(report)}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** The same as plain data. */
export function reportAsJson({ image, acceleration, results, skipped }: TestReport): object {
  return {
    type: 'test-results',
    image,
    acceleration,
    ok: results.every(({ ok }) => ok),
    scenarios: results.map(({ scenario, ok, ms, steps, logs }) => ({
      ...{
        name: scenario.name,
        description: scenario.description,
        firmware: scenario.firmware,
        ok,
        ms,
        logs,
      },
      steps: steps.map((step) => ({
        name: step.name,
        ok: step.error === undefined,
        ms: step.ms,
        ...(step.error && { error: errorAsJson(step.error, false) }),
      })),
    })),
    skipped: skipped.map(({ scenario, why }) => ({ name: scenario.name, why })),
  };
}
