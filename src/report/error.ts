import { inspect } from 'node:util';
import { CODES, type OsmithError } from '../errors.ts';
import { oneLine, type Style } from './style.ts';

export interface ErrorView {
  style: Style;
  /** Also the stack and what caused it. */
  debug: boolean;
}

/** An error as text for people: what is wrong, where, what the program said last, what to do. Ends with a line break. */
export function renderError(error: OsmithError, view: ErrorView): string {
  return [error, ...(error.details.also ?? [])]
    .map((each) => renderOne(each, view).join('\n') + '\n')
    .join('');
}

function renderOne(error: OsmithError, { style, debug }: ErrorView): string[] {
  const { where, tail, log, hint } = error.details;
  const lines = [`${style(['red', 'bold'], `error[${error.code}]`)}: ${error.message}`];
  if (where !== undefined) lines.push(`  --> ${place(where)}`);
  if (tail !== undefined && tail.length > 0) {
    lines.push('  last lines of its output:');
    lines.push(...tail.map((line) => style('dim', `    | ${oneLine(line)}`)));
  }
  if (log !== undefined) lines.push(`  full log: ${log}`);
  if (hint !== undefined) lines.push(`  ${style('bold', 'hint')}: ${hint.replaceAll('\n', '\n        ')}`);
  if (debug) lines.push(inspect(error.details.cause ?? error.stack, { depth: 6 }));
  return lines;
}

function place(where: { file: string; line?: number }): string {
  return where.line === undefined ? where.file : `${where.file}:${where.line}`;
}

/** An error as plain data: what `--json` prints on standard error, in one line. */
export function errorAsJson(error: OsmithError, debug: boolean): object {
  const { where, tail, log, hint, also } = error.details;
  return {
    code: error.code,
    title: CODES[error.code].title,
    exitCode: error.exitCode,
    message: error.message,
    ...where,
    hint,
    tail,
    log,
    stack: debug ? inspect(error.details.cause ?? error.stack) : undefined,
    also: also?.map((each) => errorAsJson(each, debug)),
  };
}
