/** A step's log: all of it in a file, the last lines in memory, each line as an event. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Emit } from '../report/events.ts';

const TAIL = 20;

export interface StepLog {
  file: string;
  line(text: string): void;
  /** Copies a program's output until it ends. */
  follow(output: Readable): Promise<void>;
  progress(text: string): void;
  tail(): string[];
  close(): Promise<void>;
}

export function openLog(file: string, step: string, emit: Emit): StepLog {
  const out: WriteStream = createWriteStream(file);
  // A full disk must not take the process down; the step meets it too and reports it.
  out.on('error', () => {});
  const last: string[] = [];
  const line = (text: string) => {
    out.write(`${text}\n`);
    last.push(text);
    if (last.length > TAIL) last.shift();
    emit({ type: 'step-log', step, line: text });
  };
  return {
    file,
    line,
    async follow(output) {
      output.on('error', () => {});
      const lines = createInterface({ input: output, crlfDelay: Infinity });
      lines.on('line', line);
      await once(lines, 'close');
    },
    progress: (text) => emit({ type: 'step-progress', step, text }),
    tail: () => [...last],
    async close() {
      out.end();
      if (!out.destroyed) await once(out, 'close').catch(() => {});
    },
  };
}
