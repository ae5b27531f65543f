/** A check as a line for people. */
import type { Check } from '../release/index.ts';
import { oneLine, type Style } from '../report/style.ts';

/** Names and reasons may come from anybody. */
export function checkText({ ok, what, file, detail }: Check, style: Style): string {
  const result = ok ? style('green', 'ok   ') : style(['red', 'bold'], 'WRONG');
  return `${result}  ${what.padEnd(10)}  ${oneLine(file)}${detail === '' ? '' : `  ${oneLine(detail)}`}\n`;
}
