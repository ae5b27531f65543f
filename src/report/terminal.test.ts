import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Event } from './events.ts';
import { plainReporter } from './plain.ts';
import type { Output, Reporter } from './reporter.ts';
import { terminalReporter } from './terminal.ts';

/** A stream that behaves as a terminal: it understands the escape sequences that the reporter uses, and wraps. */
class Screen extends Writable {
  isTTY = true;
  rows = 24;
  columns: number;
  lines: string[] = [''];
  raw = '';
  cursorHidden = false;

  constructor(columns = 80) {
    super({ decodeStrings: false });
    this.columns = columns;
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.raw += chunk;
    // eslint-disable-next-line no-control-regex
    for (const [token] of chunk.matchAll(/\x1b\[[?\d;]*[A-Za-z]|\n|[^\x1b\n]+/gu)) this.#take(token);
    done();
  }

  #take(token: string): void {
    if (token === '\n') this.lines.push('');
    else if (!token.startsWith('\x1b')) this.#print(token);
    else if (token.endsWith('F')) this.#up(Number(token.slice(2, -1)));
    else if (token === '\x1b[?25l') this.cursorHidden = true;
    else if (token === '\x1b[?25h') this.cursorHidden = false;
  }

  // What stands below is overwritten or cleared in the same write: a line that moves up is as good as empty.
  #up(rows: number): void {
    this.lines.length -= rows;
    this.lines[this.lines.length - 1] = '';
  }

  #print(text: string): void {
    const points = Array.from(text);
    for (let at = 0; at < points.length; at += this.columns) {
      if (at > 0) this.lines.push('');
      this.lines[this.lines.length - 1] += points.slice(at, at + this.columns).join('');
    }
  }

  get shown(): string[] {
    return this.lines.slice(0, -1);
  }
}

function play(reporter: Reporter, events: (Event | number)[]): void {
  for (const event of events) {
    if (typeof event === 'number') vi.advanceTimersByTime(event);
    else reporter.emit(event);
  }
}

const start = (step: string, summary: string): Event => ({
  type: 'step-start',
  step,
  stage: 'refine',
  summary,
});
const end = (step: string, ms: number): Event => ({ type: 'step-end', step, stage: 'refine', ms });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

test('running steps stand below finished ones, with times and what they do', () => {
  const screen = new Screen();
  const reporter = terminalReporter(screen as Output);
  play(reporter, [
    { type: 'run-start', total: 4 },
    { type: 'step-cached', step: 'a', stage: 'init' },
    start('b', 'Packages'),
    start('c', 'Units'),
    2500,
    end('c', 2500),
    { type: 'step-progress', step: 'b', text: 'unpacking\n\x1b[2J\tsystemd' },
    { type: 'warning', text: 'No KVM' },
    1000,
  ]);
  expect(screen.shown).toEqual([
    '✓    2.5s refine    Units',
    '! warning: No KVM',
    expect.stringMatching(/^[⠀-⣿] {4}3\.5s refine {4}Packages {2}unpacking systemd$/u),
    '  2 of 4 steps, 1 from the store, 3.5s',
  ]);
  expect(screen.cursorHidden).toBe(true);

  play(reporter, [end('b', 62_000), { type: 'run-end', ok: true, ms: 64_000, ran: 2, cached: 2 }]);
  reporter.close();
  expect(screen.shown).toEqual([
    '✓    2.5s refine    Units',
    '! warning: No KVM',
    '✓  1m 02s refine    Packages',
    '✓ Done in 1m 04s: 2 steps run, 2 from the store',
  ]);
  expect(screen.cursorHidden).toBe(false);
});

test('stays within the terminal, also when it is made narrower', () => {
  const screen = new Screen(60);
  screen.rows = 6;
  const reporter = terminalReporter(screen as Output);
  play(reporter, [{ type: 'run-start', total: 9 }]);
  for (let i = 0; i < 9; i++) play(reporter, [start(`s${i}`, `A summary with many words ${i} `.repeat(5))]);
  vi.advanceTimersByTime(1000);
  expect(screen.shown).toHaveLength(4);
  expect(Math.max(...screen.shown.map((line) => Array.from(line).length))).toBe(59);

  screen.columns = 30;
  screen.lines = [...screen.shown.flatMap((line) => [line.slice(0, 30), line.slice(30)]).filter(Boolean), ''];
  vi.advanceTimersByTime(100);
  expect(screen.shown).toHaveLength(4);
  expect(screen.shown.every((line) => Array.from(line).length <= 29)).toBe(true);
});

test('leaves the terminal to a shell while paused', () => {
  const screen = new Screen();
  const reporter = terminalReporter(screen as Output);
  play(reporter, [{ type: 'run-start', total: 2 }, start('a', 'One'), start('b', 'Two'), 100]);
  reporter.pause();
  expect([screen.shown, screen.cursorHidden]).toEqual([[], false]);
  const before = screen.raw;
  play(reporter, [end('a', 5), 1000]);
  expect(screen.raw).toBe(before);
  reporter.resume();
  expect(screen.shown[0]).toBe('✓    0.0s refine    One');
  reporter.close();
});

test('plain lines: ends, and what takes longer, no escape sequences', () => {
  vi.stubEnv('FORCE_COLOR', undefined);
  const screen = new Screen();
  screen.isTTY = false;
  const reporter = plainReporter(screen as Output, { logs: false });
  play(reporter, [
    { type: 'run-start', total: 2 },
    start('a', 'Packages'),
    { type: 'step-log', step: 'a', line: 'reading lists' },
    { type: 'waiting', step: 'b', reason: 'another build makes the same' },
    start('b', 'Units'),
    end('b', 20),
    9_000,
    { type: 'step-progress', step: 'a', text: 'unpacking' },
    25_000,
    { type: 'step-failed', step: 'a', stage: 'refine', ms: 34_000, code: 'E_TOOL', message: 'no' },
    { type: 'run-end', ok: false, ms: 34_000, ran: 2, cached: 0 },
  ]);
  reporter.close();
  expect(screen.shown).toEqual([
    '  b: waiting: another build makes the same',
    '✓    0.0s refine    Units',
    '·    1.0s refine    Packages … reading lists',
    '·   10.0s refine    Packages … unpacking',
    '✗   34.0s refine    Packages: failed (E_TOOL)',
    '✗ Stopped after 34.0s: 2 steps run',
  ]);
  expect(screen.raw).not.toContain('\x1b');
});
