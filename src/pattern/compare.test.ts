import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareClaims, compareManifests } from './compare.ts';
import type { Claims } from './types.ts';

const manifest = {
  ...{ name: 'x_deb_amd64', epoch: 1, kernelVersion: '6.12', variant: { arch: 'amd64' } },
  packages: [
    { name: 'bash', version: '5.2' },
    { name: 'zlib', version: '1.3', arch: 'amd64' },
  ],
  artifacts: [{ name: 'x.raw', size: 5, sha256: 'aa' }],
  inputs: { sources: { 'hooks/a': 'd1' } },
};

const text = (change: object = {}) => JSON.stringify({ ...manifest, ...change });

test('what makes builds equal: not when they were made, nor the order of their lists', () => {
  const again = text({ epoch: 2, packages: manifest.packages.toReversed() });
  expect(compareManifests(text(), again).equal).toBe(true);
  const a: Claims = { buildManifest: text(), jti: '1', iat: 1, exp: 2, nbf: 1, osmithVersion: '1' };
  const b: Claims = { ...a, jti: '2', iat: 9, exp: 10, nbf: 9 };
  expect(compareClaims(a, b).equal).toBe(true);
  expect(compareClaims(a, { ...b, osmithVersion: '2' })).toMatchObject({
    equal: false,
    version: { from: '1', to: '2' },
  });
  expect(compareClaims(a, { ...b, osmithVersion: '2' }, { ignoreVersion: true }).equal).toBe(true);
});

test('differences are told by name', () => {
  const packages = [
    { name: 'bash', version: '5.3' },
    { name: 'curl', version: '8' },
  ];
  const artifacts = [{ name: 'x.raw', size: 6, sha256: 'bb' }];
  const difference = compareManifests(text(), text({ packages, artifacts, kernelVersion: '6.13' }));
  expect(difference).toEqual({
    equal: false,
    packages: {
      added: [{ name: 'curl', value: '8' }],
      removed: [{ name: 'zlib', value: '1.3 amd64' }],
      changed: [{ name: 'bash', from: '5.2', to: '5.3' }],
    },
    artifacts: { added: [], removed: [], changed: [{ name: 'x.raw', from: 'aa 5 bytes', to: 'bb 6 bytes' }] },
    other: { added: [], removed: [], changed: [{ name: 'kernelVersion', from: '6.12', to: '6.13' }] },
  });
});

test('patterns and run variables count', () => {
  const pattern = { entrypoint: 'm', files: { m: '{}' } };
  const a: Claims = { pattern, runVars: { x: 1 } };
  expect(compareClaims(a, { ...a, pattern: { ...pattern, files: { m: '{ }' } } }).equal).toBe(false);
  expect(compareClaims(a, { ...a, pattern: { ...pattern, entrypoint: 'n' } }).equal).toBe(false);
  expect(compareClaims(a, { ...a, runVars: { x: 2 } }).equal).toBe(false);
  expect(compareClaims(a, structuredClone(a)).equal).toBe(true);
});

test('any two manifests can be compared; equal texts are equal, and differences mirror', () => {
  const value = fc.oneof(fc.string(), fc.json(), fc.constant(text()));
  fc.assert(
    fc.property(value, value, (a, b) => {
      expect(compareManifests(a, a).equal).toBe(true);
      const [there, back] = [compareManifests(a, b), compareManifests(b, a)];
      expect(there.equal).toBe(back.equal);
      expect(there.packages.added).toEqual(back.packages.removed);
      expect(there.other.added).toEqual(back.other.removed);
    }),
  );
});
