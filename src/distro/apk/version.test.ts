import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareVersions, isVersion, versionMatches } from './version.ts';

/** Of the cases that apk-tools publishes, those in which its order is not the obvious one. */
const CASES = `
2.34 > 0.1.0_alpha
0.1.0_alpha < 0.1.3_alpha
0.1.0_alpha2 > 0.1.0_alpha
0.1.0_alpha_pre2 < 0.1.0_alpha
1.1 > 1.1_alpha1
1.3_alpha < 1.3_alpha2
0.7.0 < 0.8_beta1
2.3.0b-r1 < 2.3.0b-r2
2.3.0b-r4 > 0.12.1
0.12 < 0.13_beta1
3.1_p17 > 1.06-r6
1.06-r6 < 006
006 > 1.0.0
2.01.01_alpha10 > 0.94
1.0 > 0.99.3.20040818
1.39 > 1.00_beta2
1.02.07 < 1.02.10-r1
4.2.52_p2-r1 < 4.2.52_p4-r2
2.1.9.200602141850 > 1.6
2.5.1-r8 < 2.5.1a-r1
2.0.0_rc3-r1 > 1.5
3.0.0-r2 < 021109-r3
1.1.7 < 6b-r7
0.10.0 < 0.10.1_rc1
0.0.31 < 0.0.50
0.0.50 > 0.0.16
02.08.01b < 4.77
1.6d > 1.2.07.8
1.2.12.04 < 1.2.12.05
1.07.5 > 1.07
0.59s-r11 < 0.65
0.20070118 < 0.20070207_rc1
4.5_p1-r1 > 4.5_p1
2.9.11_pre20051101-r3 > 2.9.11_pre20051101
1.6.8_p12-r1 > 1.6.8_p9-r2
0.9.28-r2 < 0.9.28.1
7.0.17 < 7.0.174
1.3-r0 < 1.3.1-r0
1.3_pre1-r1 < 1.3.2
1.0_p10-r0 > 1.0_p9-r0
1.0.0_pre20191002222144-r0 < 1.0.0_pre20210530193627-r0
6.0_pre1 < 6.0
6.0_p1 > 6.0
1.0 < 1.0bc
23_foo > 4_beta
2.16.1-r3 = 2.16.1-r3
`;

test.each(CASES.trim().split('\n'))('%s', (line) => {
  const [a, sign, b] = line.split(' ') as [string, string, string];
  const expected = { '<': -1, '=': 0, '>': 1 }[sign]!;
  expect(Math.sign(compareVersions(a, b))).toBe(expected);
  expect(Math.sign(compareVersions(b, a))).toBe(0 - expected);
});

test.each([
  ['1', true],
  ['1.2.3b_rc4_p5~0a1b-r6', true],
  ['2.39.0', true],
  ['foo', false],
  ['', false],
  ['1.', false],
  ['1..2', false],
  ['1a2', false],
  ['1ab', false],
  ['1_foo', false],
  ['1_alphax', false],
  ['1-r', false],
  ['1-2', false],
  ['1-r1-r2', false],
  ['1~', false],
  ['1-r1_rc1', false],
])('%s is a version: %s', (version, expected) => {
  expect(isVersion(version)).toBe(expected);
});

test.each([
  ['1.2.3-r4', '~', '1.2', true],
  ['1.2-r0', '~', '1.2', true],
  ['1.20', '~', '1.2', false],
  ['1.3', '>~', '1.2', true],
  ['1.2.9', '<~', '1.2', true],
  ['1.2', '>=', '1.2', true],
  ['1.2-r1', '>', '1.2', true],
  ['1.2_rc1', '<', '1.2', true],
  ['1.2', '=', '1.2-r0', false],
  ['1.2', '<', '1.2', false],
])('%s %s %s: %s', (version, operator, wanted, expected) => {
  expect(versionMatches(version, operator, wanted)).toBe(expected);
});

describe('properties', () => {
  const digits = fc.stringMatching(/^(?:0|0?[1-9][0-9]{0,2})$/);
  const suffix = fc.constantFrom('alpha', 'beta', 'pre', 'rc', 'cvs', 'svn', 'git', 'hg', 'p');
  const version = fc
    .record({
      numbers: fc.array(digits, { minLength: 1, maxLength: 3 }),
      letter: fc.constantFrom('', '', 'a', 'b'),
      suffixes: fc.array(
        fc.tuple(suffix, fc.constantFrom('', '1', '10')).map((parts) => `_${parts.join('')}`),
        { maxLength: 2 },
      ),
      hash: fc.constantFrom('', '', '~0a', '~f'),
      revision: fc.constantFrom('', '-r0', '-r2', '-r10'),
    })
    .map((p) => `${p.numbers.join('.')}${p.letter}${p.suffixes.join('')}${p.hash}${p.revision}`);

  test('versions are in one order', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(isVersion(a)).toBe(true);
        expect(compareVersions(a, a)).toBe(0);
        expect(Math.sign(compareVersions(a, b))).toBe(0 - Math.sign(compareVersions(b, a)));
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });

  test('what is put behind a version makes it newer, or older if it is what comes before a release', () => {
    fc.assert(
      fc.property(fc.array(digits, { minLength: 1, maxLength: 3 }), suffix, (numbers, name) => {
        const bare = numbers.join('.');
        const isBefore = ['alpha', 'beta', 'pre', 'rc'].includes(name);
        expect(Math.sign(compareVersions(`${bare}_${name}`, bare))).toBe(isBefore ? -1 : 1);
        expect(compareVersions(`${bare}.1`, bare)).toBeGreaterThan(0);
        expect(compareVersions(`${bare}a`, bare)).toBeGreaterThan(0);
        expect(versionMatches(`${bare}_${name}1-r3`, '~', bare)).toBe(true);
      }),
    );
  });
});
