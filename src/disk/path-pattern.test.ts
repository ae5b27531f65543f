import { matchesGlob } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathMatcher, subtreeMatcher } from './path-pattern.ts';

const part = fc.stringMatching(/^[ab.+][ab.+]{0,2}$/).filter((text) => text !== '.' && text !== '..');
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const patternPart = fc.oneof(
  part,
  fc.stringMatching(/^[ab*?]{1,3}$/).filter((text) => !text.includes('**')),
);
const pattern = fc
  .tuple(fc.boolean(), fc.array(patternPart, { minLength: 1, maxLength: 3 }))
  .map(([deep, parts]) => (deep ? ['**', ...parts] : parts).join('/'));

describe('pathMatcher', () => {
  it('agrees with Node’s matchesGlob, but for hidden files, which it treats as any other', () => {
    fc.assert(
      fc.property(path, pattern, (candidate, glob) => {
        fc.pre(!/(^|\/)\./.test(candidate) && !glob.includes('+('));
        expect(pathMatcher([glob])(candidate)).toBe(matchesGlob(candidate, glob));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('subtreeMatcher', () => {
  it('keeps the directory when only its contents are named', () => {
    const matches = subtreeMatcher(['boot/*', 'usr/lib/shim', '/vmlinuz']);
    const all = [
      'boot',
      'boot/a',
      'boot/grub/x',
      'usr/lib/shim',
      'usr/lib/shim/x/y',
      'usr/lib/shimmer',
      'vmlinuz',
      '',
    ];
    expect(all.filter(matches)).toEqual([
      'boot/a',
      'boot/grub/x',
      'usr/lib/shim',
      'usr/lib/shim/x/y',
      'vmlinuz',
    ]);
  });
});
