/** The report of `osmith test` as JUnit XML, which CI systems read: a suite for each scenario, a case for each step. */
import type { ScenarioResult, StepResult } from '../vm/scenario/execute.ts';
import type { Skipped, TestReport } from './test-report.ts';

/** XML 1.0 has no way to write control characters, nor half a surrogate pair. */
const NOT_XML = /(?![\t\n\r])[\p{Cc}\p{Cs}\ufffe\uffff]/gu;
const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
};

function escape(text: string): string {
  return text.replaceAll(NOT_XML, '\ufffd').replaceAll(/[&<>"]/g, (sign) => ENTITIES[sign]!);
}

type Attributes = Record<string, string | number>;

function element(name: string, attributes: Attributes, content: readonly string[] = []): string {
  const text = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${escape(String(value)).replaceAll('\n', ENTITIES['\n']!)}"`,
  );
  const open = `<${name}${text.join('')}`;
  return content.length === 0 ? `${open}/>` : `${open}>${content.join('\n')}</${name}>`;
}

const seconds = (ms: number) => (ms / 1000).toFixed(3);

function failure({ code, message, details }: NonNullable<StepResult['error']>): string {
  const text = [message, details.hint, ...(details.tail ?? []), details.log && `console: ${details.log}`];
  return element('failure', { message, type: code }, [escape(text.filter(Boolean).join('\n'))]);
}

function caseOf(suite: string, step: StepResult): string {
  const content = step.error === undefined ? [] : [failure(step.error)];
  return element('testcase', { classname: suite, name: step.name, time: seconds(step.ms) }, content);
}

const SKIPPED = element('skipped', { message: 'not tried: a step before it failed' });

function suiteOf(report: TestReport, { scenario, steps, ms, logs }: ScenarioResult): string {
  const name = `${report.image}.${scenario.name}`;
  const left = scenario.steps.slice(steps.length);
  const counts = {
    tests: scenario.steps.length,
    failures: steps.filter(({ error }) => error !== undefined).length,
    errors: 0,
    skipped: left.length,
  };
  return element('testsuite', { name, ...counts, time: seconds(ms) }, [
    ...steps.map((step) => caseOf(name, step)),
    ...left.map((step) => element('testcase', { classname: name, name: step.name, time: 0 }, [SKIPPED])),
    element('system-out', {}, [escape([scenario.description, ...logs].join('\n'))]),
  ]);
}

function skippedSuite({ image }: TestReport, { scenario, why }: Skipped): string {
  const name = `${image}.${scenario.name}`;
  const only = element('testcase', { classname: name, name: scenario.description, time: 0 }, [
    element('skipped', { message: why }),
  ]);
  return element('testsuite', { name, tests: 1, failures: 0, errors: 0, skipped: 1, time: 0 }, [only]);
}

/** An XML document; ends with a line break. */
export function reportAsJunit(report: TestReport): string {
  const { results, skipped } = report;
  const sum = (count: (result: ScenarioResult) => number) =>
    results.reduce((total, result) => total + count(result), 0);
  const totals = {
    tests: sum(({ scenario }) => scenario.steps.length) + skipped.length,
    failures: sum(({ steps }) => steps.filter(({ error }) => error !== undefined).length),
    errors: 0,
    skipped: sum(({ scenario, steps }) => scenario.steps.length - steps.length) + skipped.length,
    time: seconds(sum(({ ms }) => ms)),
  };
  const suites = [
    ...results.map((result) => suiteOf(report, result)),
    ...skipped.map((each) => skippedSuite(report, each)),
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('testsuites', { name: report.image, ...totals }, suites)}\n`;
}
