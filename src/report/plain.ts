/** Progress as lines that are only appended: for files, pipes and CI logs. */
import { now } from '../env.ts';
import { advance, emptyProgress, formatLine, type Row } from './progress.ts';
import type { Output, Reporter } from './reporter.ts';
import { oneLine, styleFor } from './style.ts';

/** When a step that runs is mentioned: once it is more than a moment, and again while it goes on. */
const BEATS = [1000, 10_000];
const LATER_BEATS = 30_000;

/** `logs`: also print what the programs of the steps print. */
export function plainReporter(stream: Output, { logs }: { logs: boolean }): Reporter {
  const style = styleFor(stream);
  const progress = emptyProgress(now());
  const beats = new WeakMap<Row, number>();

  const print = (line: string) => stream.write(`${line}\n`);
  const printRow = ({ stage, summary, text, since }: Row) =>
    print(
      formatLine(
        { mark: '·', format: 'dim', stage, time: now() - since, text: `${summary} …${text && ` ${text}`}` },
        style,
      ),
    );

  const beat = () => {
    for (const row of progress.rows.values()) {
      const done = beats.get(row) ?? 0;
      const next = BEATS[done] ?? BEATS.at(-1)! + (done - BEATS.length + 1) * LATER_BEATS;
      if (row.stage === '' || now() - row.since < next) continue;
      beats.set(row, done + 1);
      printRow(row);
    }
  };
  const timer = setInterval(beat, 500).unref();

  return {
    emit: (event) => {
      const line = advance(progress, event, now());
      if (line !== undefined) print(formatLine(line, style));
      if (event.type === 'waiting') print(`  ${event.step}: waiting: ${event.reason}`);
      if (logs && event.type === 'step-log')
        print(style('dim', `    ${event.step} | ${oneLine(event.line)}`));
    },
    pause: () => {},
    resume: () => {},
    close: () => clearInterval(timer),
  };
}
