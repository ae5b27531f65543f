import { describe, expect, it } from 'vitest';
import { mismatch, run } from './run.ts';

type Expected = Parameters<typeof mismatch>[0];

describe('mismatch', () => {
  const check = (expected: object, observed: object) =>
    mismatch(run.params.parse({ command: 'x', ...expected }) as Expected, {
      ...{ exitCode: 0, output: '', timedOut: false },
      ...observed,
    });

  it.each<[string, object, object, string | undefined]>([
    ['success is expected', {}, {}, undefined],
    ['failure', {}, { exitCode: 1 }, 'ended with exit code 1, not 0'],
    ['another code', { exit: 3 }, { exitCode: 3 }, undefined],
    ['any code', { exit: 'any' }, { exitCode: 3 }, undefined],
    ['a match', { match: '^running$' }, { output: 'x\nrunning' }, undefined],
    ['no match', { match: 'a' }, { output: 'b' }, 'said something else where /a/ was expected'],
    ['silence', { match: 'a' }, {}, 'said nothing where /a/ was expected'],
    ['expected silence', { match: '^$' }, {}, undefined],
    [
      'what must not be',
      { not: '^/dev/sd.*' },
      { output: 'a\n/dev/sda1 /' },
      'said "/dev/sda1 /", which it must not',
    ],
    ['too long', { within: 5 }, { timedOut: true, exitCode: 124 }, 'did not end within 5 s'],
  ])('%s', (_, expected, observed, fault) => {
    expect(check(expected, observed)).toBe(fault);
  });
});
