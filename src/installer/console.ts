/** The consoles of the machine: all show the same, and any may answer. */
import { constants, openSync, readFileSync, writeSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { ReadStream } from 'node:tty';
import { now } from '../env.ts';
import type { OnProgress } from './block.ts';

export interface Console {
  say(text: string): void;
  /** The first line that somebody enters. */
  ask(question: string): Promise<string>;
  /** All that was said and answered. */
  log(): string;
}

/** What a terminal shows, and where its lines come from. */
export interface Terminal {
  write(text: string): void;
  /** Calls back for each line from now on; the result ends that. */
  listen(onLine: (line: string) => void): () => void;
}

export function openConsole(terminals: readonly Terminal[]): Console {
  let log = '';
  const write = (text: string) => {
    log += text;
    for (const terminal of terminals) terminal.write(text);
  };
  return {
    say: (text) => write(`${text}\n`),
    ask: (question) =>
      new Promise((resolve) => {
        write(`${question} `);
        const stops = terminals.map((terminal) =>
          terminal.listen((line) => {
            for (const stop of stops) stop();
            log += `${line}\n`;
            resolve(line.trim());
          }),
        );
      }),
    log: () => log,
  };
}

/** One that can be opened. */
export function openTerminal(path: string): Terminal[] {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  } catch {
    return []; // the kernel names consoles that cannot be opened, such as those of a screen that is not there
  }
  let lines: Interface | undefined;
  return [
    {
      write: (text) => void writeSync(fd, text),
      listen(onLine) {
        // One for all questions: one that was closed would still read the next answer.
        lines ??= createInterface({
          input: new ReadStream(openSync(path, constants.O_RDWR | constants.O_NOCTTY)),
        });
        const open = lines.on('line', onLine);
        return () => void open.off('line', onLine);
      },
    },
  ];
}

/** Those that the kernel's command line names. */
export function machineTerminals(): Terminal[] {
  const names = readFileSync('/sys/class/tty/console/active', 'utf8').trim().split(/\s+/);
  return names.flatMap((name) => openTerminal(`/dev/${name}`));
}

/** Tells of every tenth, and at the end how fast it was. */
export function progressOn(console: Console, what: string): OnProgress {
  const started = now();
  let told = -1;
  return (done, total) => {
    const tenths = Math.floor((done / Math.max(total, 1)) * 10);
    if (tenths === told) return;
    told = tenths;
    const rate = (done / 2 ** 20 / Math.max((now() - started) / 1000, 0.001)).toFixed(0);
    const speed = done === total ? `, ${rate} MiB/s` : '';
    console.say(
      `  ${what}: ${tenths * 10} %${done === total ? ` of ${(total / 2 ** 20).toFixed(0)} MiB` : ''}${speed}`,
    );
  };
}
