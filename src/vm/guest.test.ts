import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { findResult, shellQuote, typed } from './guest.ts';

/** What a shell makes of typed text. */
function shell(text: string): string {
  return spawnSync('sh', { input: text, encoding: 'utf8' }).stdout;
}

describe('typed', () => {
  it.each([
    ['output and exit code', 'echo hello; exit 3', { output: 'hello', exitCode: 3 }],
    ['standard error', 'echo oops >&2', { output: 'oops', exitCode: 0 }],
    ['several lines', 'echo one\necho two', { output: 'one\ntwo', exitCode: 0 }],
    ['quotes', `echo "it's" 'a "test"'`, { output: `it's a "test"`, exitCode: 0 }],
    ['no line break at the end', 'printf abc', { output: 'abc', exitCode: 0 }],
    ['nothing', 'true', { output: '', exitCode: 0 }],
    ['a command that would read what is typed next', 'cat', { output: '', exitCode: 0 }],
    ['a variable of its own', 'x=1; echo $x', { output: '1', exitCode: 0 }],
  ])('%s', (_, command, result) => {
    expect(findResult(shell(typed(command, 7)), 7)).toEqual(result);
  });

  it('is not found in its own echo', () => {
    expect(findResult(`$ ${typed('true', 1)}`, 1)).toBeUndefined();
  });

  it('does not take the answer to another command', () => {
    expect(findResult(shell(typed('true', 1)), 11)).toBeUndefined();
  });

  it.each([
    ['a control character', 'echo \x03'],
    ['a line that a terminal cannot take', `echo ${'x'.repeat(4100)}`],
  ])('refuses %s', (_, command) => {
    expect(() => typed(command, 1)).toThrow('control characters or too long a line');
  });
});

describe('shellQuote', () => {
  it('leaves nothing to the shell', () => {
    const text = `a'b"c$d\`e\\f g`;
    expect(shell(`printf %s ${shellQuote(text)}`)).toBe(text);
  });
});
