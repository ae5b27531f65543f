/** Logs of programs that print without measure. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { openLog } from './log.ts';

interface Logged {
  lines: string[];
  tail: string[];
  size: number;
  text: () => string;
}

async function logged(output: Iterable<Buffer | string>, secrets: string[] = []): Promise<Logged> {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  try {
    const lines: string[] = [];
    const file = join(dir, 'log');
    const log = openLog(
      file,
      'step',
      (event) => event.type === 'step-log' && lines.length < 1000 && lines.push(event.line),
      secrets,
    );
    await log.follow(Readable.from(output, { objectMode: true }));
    await log.close();
    const size = statSync(file).size;
    const text = size < 1e6 ? readFileSync(file, 'utf8') : '';
    return { lines, tail: log.tail(), size, text: () => text };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test('lines come out whole, however they are cut', async () => {
  const text = 'one\ntwo ü\r\n\nlast, without an end';
  const bytes = [...Buffer.from(text)].map((byte) => Buffer.from([byte]));
  const { lines, text: written } = await logged(bytes);
  expect(lines).toEqual(['one', 'two ü', '', 'last, without an end']);
  expect(written()).toBe(`${lines.join('\n')}\n`);
});

test('a line longer than a string can be is cut, and nothing of it is lost', async () => {
  const chunk = Buffer.alloc(1 << 20, 'x');
  const size = 600 << 20;
  const {
    tail,
    size: written,
    lines,
  } = await logged(
    (function* () {
      for (let done = 0; done < size; done += chunk.length) yield chunk;
    })(),
  );
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(10_000);
  expect(tail).toHaveLength(20);
  expect(written - size).toBe(Math.ceil(size / 8192));
});

test('secrets are hidden in the file, in the events and in the last lines', async () => {
  const { lines, tail, text } = await logged(['a s3cr3t, s3cr3t\nnothing\n'], ['s3cr3t']);
  expect([lines, tail, text()]).toEqual([
    ['a [hidden], [hidden]', 'nothing'],
    ['a [hidden], [hidden]', 'nothing'],
    'a [hidden], [hidden]\nnothing\n',
  ]);
});
