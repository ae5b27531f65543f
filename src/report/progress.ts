/** What a run has done so far, folded from its events; and the lines that stay on the screen. No output here. */
import type { Event } from './events.ts';
import { count, duration, oneLine, type Format, type Style } from './style.ts';

/** A step that is running, or waits for something outside of the run. */
export interface Row {
  step: string;
  stage: string;
  summary: string;
  /** What it is doing at the moment. */
  text: string;
  /** When it began, in milliseconds since the epoch. */
  since: number;
}

export interface Progress {
  /** Steps of the run; 0 while none is going on. */
  total: number;
  finished: number;
  cached: number;
  since: number;
  rows: Map<string, Row>;
}

export function emptyProgress(at: number): Progress {
  return { total: 0, finished: 0, cached: 0, since: at, rows: new Map() };
}

/** A line for good. */
export interface Line {
  mark: string;
  format: Format;
  time?: number;
  stage?: string;
  text: string;
}

/** Takes an event into the progress; returns the line it leaves on the screen, if any. */
export function advance(progress: Progress, event: Event, at: number): Line | undefined {
  const { rows } = progress;
  switch (event.type) {
    case 'run-start':
      Object.assign(progress, emptyProgress(at), { total: event.total });
      return undefined;
    case 'step-start': {
      const { step, stage, summary } = event;
      rows.set(step, { step, stage, summary: oneLine(summary), text: '', since: at });
      return undefined;
    }
    case 'step-progress': {
      const row = rows.get(event.step);
      if (row !== undefined) row.text = oneLine(event.text);
      return undefined;
    }
    case 'waiting': {
      const row = rows.get(event.step);
      const text = `waiting: ${oneLine(event.reason)}`;
      if (row !== undefined) row.text = text;
      else rows.set(event.step, { step: event.step, stage: '', summary: event.step, text, since: at });
      return undefined;
    }
    case 'step-cached':
      rows.delete(event.step);
      progress.finished++;
      progress.cached++;
      return undefined;
    case 'step-end':
    case 'step-failed': {
      const summary = rows.get(event.step)?.summary ?? event.step;
      rows.delete(event.step);
      progress.finished++;
      const { ms: time, stage } = event;
      if (event.type === 'step-end') return { mark: '✓', format: 'green', time, stage, text: summary };
      // Stopped because of ^C or because another step failed: no news, and not this step's fault.
      if (event.code === 'E_INTERRUPTED')
        return { mark: '·', format: 'dim', time, stage, text: `${summary}: stopped` };
      return { mark: '✗', format: 'red', time, stage, text: `${summary}: failed (${event.code})` };
    }
    case 'note':
      return { mark: ' ', format: 'dim', text: event.text };
    case 'warning':
      return { mark: '!', format: 'yellow', text: `warning: ${event.text}` };
    case 'run-end':
      rows.clear();
      progress.total = 0;
      return closing(event);
    case 'step-log': {
      // What the program says last is what it is doing; not the command lines that we log ourselves.
      const row = rows.get(event.step);
      if (row !== undefined && !event.line.startsWith('+ ')) row.text = oneLine(event.line);
      return undefined;
    }
  }
}

function closing({ ok, ms, ran, cached }: Event & { type: 'run-end' }): Line {
  const fromStore = cached === 0 ? '' : `, ${cached} from the store`;
  const steps = `${count(ran, 'step')} run${fromStore}`;
  if (!ok) return { mark: '✗', format: ['red', 'bold'], text: `Stopped after ${duration(ms)}: ${steps}` };
  const text = ran === 0 ? `Up to date in ${duration(ms)}${fromStore}` : `Done in ${duration(ms)}: ${steps}`;
  return { mark: '✓', format: ['green', 'bold'], text };
}

/** Width of the column for stages. */
export const STAGE_WIDTH = 9;
/** Width of the column for times. */
export const TIME_WIDTH = 7;

export function formatLine({ mark, format, time, stage, text }: Line, style: Style): string {
  if (stage === undefined) return `${style(format, `${mark} ${text}`.trimEnd())}`;
  const age = (time === undefined ? '' : duration(time)).padStart(TIME_WIDTH);
  return `${style(format, mark)} ${age} ${style('cyan', stage.padEnd(STAGE_WIDTH))} ${text}`;
}
