/** Live progress on a terminal: a line per running step at the bottom, finished steps scroll away above. */
import { now } from '../env.ts';
import { columnsOf, liveArea, type Drawn } from './live.ts';
import { advance, emptyProgress, formatLine, STAGE_WIDTH, TIME_WIDTH, type Progress } from './progress.ts';
import type { Output, Reporter } from './reporter.ts';
import { cut, duration, styleFor, type Format, type Style } from './style.ts';

const FRAMES = Array.from('⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏');
const TICK = 100;

export function terminalReporter(stream: Output): Reporter {
  const style = styleFor(stream);
  const progress = emptyProgress(now());
  const area = liveArea(stream);
  let paused = false;
  let pending: string[] = [];

  const draw = () => {
    if (paused) return;
    const frame = drawFrame(progress, {
      style,
      columns: columnsOf(stream),
      rows: stream.rows ?? 24,
      at: now(),
    });
    if (frame.length > 0) area.update(pending, frame);
    else {
      area.release();
      for (const line of pending) stream.write(`${line}\n`);
    }
    pending = [];
  };
  const timer = setInterval(() => {
    if (progress.rows.size > 0 || progress.total > 0) draw();
  }, TICK).unref();

  const pause = () => {
    paused = true;
    area.release();
  };
  const close = () => {
    draw();
    pause();
    clearInterval(timer);
    process.off('exit', close);
  };
  process.on('exit', close); // whatever ends the process, the cursor comes back

  return {
    emit: (event) => {
      const line = advance(progress, event, now());
      if (line === undefined) return; // shown by the next tick
      pending.push(formatLine(line, style));
      draw();
    },
    pause,
    resume: () => {
      paused = false;
      draw();
    },
    close,
  };
}

interface FrameOptions {
  style: Style;
  columns: number;
  rows: number;
  at: number;
}

/** The lines of the live area: running steps, longest-running first, then a count. Empty when nothing goes on. */
export function drawFrame(progress: Progress, { style, columns, rows, at }: FrameOptions): Drawn[] {
  const running = [...progress.rows.values()];
  if (running.length === 0 && progress.total === 0) return [];
  const spinner = FRAMES[Math.floor(at / TICK) % FRAMES.length]!;
  const room = Math.max(1, rows - 3);
  const lines = running.slice(0, room).map((row): Part[] => [
    ['cyan', spinner],
    [undefined, ` ${duration(at - row.since).padStart(TIME_WIDTH)} `],
    ['cyan', `${row.stage.padEnd(STAGE_WIDTH)} `],
    [undefined, row.summary],
    ['dim', row.text === '' ? '' : `  ${row.text}`],
  ]);
  const more = running.length > room ? `, ${running.length} running` : '';
  const cached = progress.cached > 0 ? `, ${progress.cached} from the store` : '';
  const status = `  ${progress.finished} of ${progress.total} steps${cached}${more}, ${duration(at - progress.since)}`;
  return [...lines, [['dim', status] as Part]].map((parts) => fit(parts, columns - 1, style));
}

type Part = [format: Format | undefined, text: string];

/** Joins parts, cut to a width; the formatting does not count. */
function fit(parts: Part[], columns: number, style: Style): Drawn {
  let width = 0;
  let text = '';
  for (const [format, part] of parts) {
    const shown = cut(part, columns - width);
    width += Array.from(shown).length;
    text += format === undefined || shown === '' ? shown : style(format, shown);
  }
  return { text, width };
}
