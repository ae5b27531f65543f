import type { WriteStream } from 'node:tty';
import { envVar } from '../env.ts';
import type { Emit } from './events.ts';
import { jsonReporter } from './json.ts';
import { plainReporter } from './plain.ts';
import { terminalReporter } from './terminal.ts';

export interface Reporter {
  emit: Emit;
  /** Leaves the terminal to someone else, such as a shell, until `resume`. */
  pause(): void;
  resume(): void;
  /** Draws what is left and restores the terminal. Safe to call twice. */
  close(): void;
}

/** Where reporters write: a terminal, a pipe or a file. */
export type Output = NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>>;

export interface ReporterOptions {
  stream: Output;
  json?: boolean;
  /** Also the output of the programs that steps run. */
  debug?: boolean;
}

/** JSON lines, live progress on a terminal, or plain lines everywhere else. */
export function openReporter({ stream, json, debug = false }: ReporterOptions): Reporter {
  if (json) return jsonReporter(stream);
  const live = stream.isTTY && envVar('CI') === undefined && envVar('TERM') !== 'dumb' && !debug;
  return live ? terminalReporter(stream) : plainReporter(stream, { logs: debug });
}
