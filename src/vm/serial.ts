/** The serial console: always read, so that the guest never waits for us, kept as a log, searchable, without control codes. */
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

export type Waited<T> = { type: 'found'; value: T } | { type: 'timeout' } | { type: 'closed' };

export interface WaitOptions {
  /** Milliseconds. */
  timeout: number;
  signal?: AbortSignal | undefined;
}

export interface Serial {
  /** All text so far, without control codes. */
  text(): string;
  /** Waits until `find` makes something of the text. It gets the text that no earlier `expect` has taken. */
  until<T>(find: (text: string) => T | undefined, options: WaitOptions): Promise<Waited<T>>;
  /** Waits for a match, and takes the text up to its end. */
  expect(pattern: RegExp, options: WaitOptions): Promise<Waited<RegExpExecArray>>;
  /** Takes all text so far: later waits see only what comes after. */
  skip(): void;
  send(text: string): void;
  /** Called with each piece of output as it comes from the guest. */
  onOutput(listener: (bytes: Buffer) => void): void;
  close(): void;
}

/* eslint-disable no-control-regex -- control characters are what this is about */
/** ECMA-48 sequences: CSI, strings (OSC, DCS and the like), character sets, single escapes; other control characters. */
const CONTROL =
  /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]+[0-~]|\x1b[0-~]|[\0-\x08\x0b-\x1f\x7f]/g;
/** The beginning of a sequence whose end has not come yet. */
const UNFINISHED = /\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]{0,200}\x1b?|[ -/]*)$/;

/* eslint-enable no-control-regex */

/** Removes control codes piece by piece: what may continue in the next piece is held back. */
export function plainText(): (piece: string) => string {
  let held = '';
  return (piece) => {
    const all = held + piece;
    held = UNFINISHED.exec(all)?.[0] ?? '';
    return all.slice(0, all.length - held.length).replaceAll(CONTROL, '');
  };
}

/** Text kept for searching; the log has everything. */
const KEPT = 4_000_000;

/** The console's two directions. */
export interface SerialLine {
  input: Writable;
  output: Readable;
}

/** Reads the console from now on. `log` gets every byte. */
export function openSerial({ input, output }: SerialLine, log: Writable): Serial {
  const decoder = new StringDecoder('utf8');
  const plain = plainText();
  const listeners: ((bytes: Buffer) => void)[] = [];
  const checks = new Set<() => void>();
  let text = '';
  let taken = 0;
  let closed = false;

  output.on('data', (bytes: Buffer) => {
    log.write(bytes);
    for (const listener of listeners) listener(bytes);
    text += plain(decoder.write(bytes));
    if (text.length > 2 * KEPT) {
      taken = Math.max(0, taken - (text.length - KEPT));
      text = text.slice(-KEPT);
    }
    for (const check of [...checks]) check();
  });
  const end = () => {
    closed = true;
    for (const check of [...checks]) check();
  };
  for (const event of ['end', 'close', 'error']) output.on(event, end);
  input.on('error', () => {}); // nobody is there any more; the output's end says so

  const until: Serial['until'] = (find, { timeout, signal }) =>
    new Promise((resolve, reject) => {
      const done = () => {
        checks.delete(check);
        clearTimeout(timer);
        signal?.removeEventListener('abort', aborted);
      };
      const check = () => {
        const value = find(text.slice(taken));
        if (value === undefined && !closed) return;
        done();
        resolve(value === undefined ? { type: 'closed' } : { type: 'found', value });
      };
      const aborted = () => {
        done();
        reject(signal!.reason as Error);
      };
      const timer = setTimeout(() => {
        done();
        resolve({ type: 'timeout' });
      }, timeout);
      if (signal?.aborted) return aborted();
      signal?.addEventListener('abort', aborted);
      checks.add(check);
      check();
    });

  return {
    text: () => text,
    until,
    expect: (pattern, options) =>
      until((rest) => {
        const match = pattern.exec(rest);
        if (match === null) return undefined;
        taken += match.index + match[0].length;
        return match;
      }, options),
    skip: () => void (taken = text.length),
    send: (data) => void (closed || input.write(data)),
    onOutput: (listener) => void listeners.push(listener),
    close: () => {
      input.destroy();
      output.destroy();
    },
  };
}
