/** A step's log: all of it in a file, the last lines in memory, each line as an event. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Emit } from '../report/events.ts';

const TAIL = 20;

/** Longer lines are cut into several, characters. */
const LONGEST = 8192;

export interface StepLog {
  file: string;
  line(text: string): void;
  /** A line that people see whatever the reporter shows of logs. */
  warn(text: string): void;
  /** Copies a program's output until it ends. */
  follow(output: Readable): Promise<void>;
  progress(text: string): void;
  tail(): string[];
  close(): Promise<void>;
}

/** `secrets` are texts that the log and the events must not show. */
export function openLog(file: string, step: string, emit: Emit, secrets: readonly string[] = []): StepLog {
  const out: WriteStream = createWriteStream(file);
  // A full disk must not take the process down; the step meets it too and reports it.
  out.on('error', () => {});
  const last: string[] = [];
  const hidden = (text: string) =>
    secrets.reduce((shown, secret) => shown.replaceAll(secret, '[hidden]'), text);
  /** False while the file takes no more. */
  const line = (raw: string): boolean => {
    const text = hidden(raw);
    last.push(text);
    if (last.length > TAIL) last.shift();
    emit({ type: 'step-log', step, line: text });
    return out.write(`${text}\n`);
  };
  return {
    file,
    line,
    async follow(output) {
      output.on('error', () => {});
      const split = lineSplitter();
      // The program waits while the file takes no more: memory stays small however much it prints.
      const take = async (lines: string[]) => {
        const full = lines.map(line).includes(false);
        if (full && !out.destroyed) await room(out);
      };
      try {
        for await (const chunk of output) await take(split.push(chunk as Buffer));
      } catch {
        // It was cut off; what it printed until then is kept.
      }
      await take(split.end());
    },
    warn(text) {
      line(`warning: ${text}`);
      emit({ type: 'warning', text: hidden(text) });
    },
    progress: (text) => emit({ type: 'step-progress', step, text }),
    tail: () => [...last],
    async close() {
      out.end();
      if (!out.destroyed) await once(out, 'close').catch(() => {});
    },
  };
}

/** Until a file takes more, or will never again. */
function room(out: WriteStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      out.off('drain', done).off('close', done);
      resolve();
    };
    out.on('drain', done).on('close', done);
  });
}

/** Cuts a stream of bytes into lines; none is longer than LONGEST. */
function lineSplitter(): { push: (chunk: Buffer) => string[]; end: () => string[] } {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return {
    push(chunk) {
      const lines = (rest + decoder.write(chunk)).split(/\r?\n/);
      rest = lines.pop()!;
      const whole = lines.flatMap(pieces);
      const long = pieces(rest);
      rest = long.pop()!;
      return [...whole, ...long];
    },
    end() {
      const left = rest + decoder.end();
      return left === '' ? [] : [left];
    },
  };
}

function pieces(text: string): string[] {
  const count = Math.max(1, Math.ceil(text.length / LONGEST));
  return Array.from({ length: count }, (_, index) => text.slice(index * LONGEST, (index + 1) * LONGEST));
}
