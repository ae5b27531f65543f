/** The log of a whole build, as a file: what plain output would show, and all that its programs print. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Emit } from './events.ts';
import { plainReporter } from './plain.ts';

export interface LogFile {
  file: string;
  emit: Emit;
  /** Waits until all that was said so far is in the file, or cannot be. */
  flush(): Promise<void>;
  /** Writes what is left. Safe to call twice. */
  close(): Promise<void>;
}

export function openLogFile(file: string): LogFile {
  const stream = createWriteStream(file);
  // A full disk must not take the process down; the step meets it too and reports it.
  stream.on('error', () => {});
  const reporter = plainReporter(stream, { logs: true });
  return {
    file,
    emit: reporter.emit,
    flush: () => new Promise((resolve) => stream.write('', () => resolve())),
    async close() {
      reporter.close();
      stream.end();
      if (!stream.closed) await once(stream, 'close').catch(() => {});
    },
  };
}
