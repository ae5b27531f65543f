/** Keys: the same for the same inputs, others for others, and the words name what changed. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json, Step } from '../plan/types.ts';
import { canonicalJson, firstDifference, keyParts, stepKey, type KeyParts } from './key.ts';
import type { Result } from './store.ts';

const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
const word = fc.stringMatching(/^[a-z]{1,6}$/);
const digest = fc.stringMatching(/^[0-9a-f]{8}$/);
const parts: fc.Arbitrary<KeyParts> = fc.record({
  kind: word,
  code: digest,
  params: fc.dictionary(word, json, { maxKeys: 4 }),
  inputs: fc.dictionary(word, digest, { maxKeys: 4 }),
  tools: digest,
  network: fc.boolean(),
  epoch: fc.nat(),
});

function step({ kind, params, inputs }: KeyParts): Step {
  const sources = Object.entries(inputs).map(([name, value]) => [
    name,
    { source: `file-${name}`, digest: value },
  ]);
  return { id: 'x', kind, stage: 's', params, inputs: Object.fromEntries(sources) as Step['inputs'] };
}

/** The same value with all its objects' entries in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, inner]) => [name, reversed(inner)])
      .reverse(),
  );
}

test('the order in which things are named does not matter', () => {
  fc.assert(
    fc.property(parts, (given) => {
      const other = reversed(given) as KeyParts;
      expect(stepKey(other)).toBe(stepKey(given));
      expect(firstDifference(step(other), given, other)).toBe('its result is no longer in the store');
    }),
  );
});

/** One change of each kind, with the words that must tell it. */
const changes: ((given: KeyParts, name: string) => [KeyParts, string])[] = [
  (given) => [{ ...given, kind: `${given.kind}x` }, `the step is now a ${given.kind}x`],
  (given, name) => [{ ...given, params: { ...given.params, [name]: 'NEW' } }, `parameter ${name}: `],
  (given, name) => [{ ...given, inputs: { ...given.inputs, [name]: 'NEW' } }, `file-${name} `],
  (given) => [{ ...given, code: 'NEW' }, `the code of ${given.kind} changed`],
  (given) => [{ ...given, tools: 'NEW' }, 'the tools tree changed'],
  (given) => [{ ...given, epoch: given.epoch + 1 }, `the epoch is now ${given.epoch + 1}`],
  (given) => [{ ...given, network: !given.network }, 'its network access changed'],
];

test('any change changes the key and is named, also when it goes back', () => {
  fc.assert(
    fc.property(parts, word, fc.constantFrom(...changes), (given, name, change) => {
      const [after, words] = change(given, name);
      expect(stepKey(after)).not.toBe(stepKey(given));
      expect(firstDifference(step(after), given, after)).toContain(words);
      expect(firstDifference(step(given), after, given)).not.toBe('its result is no longer in the store');
    }),
    { numRuns: 300 },
  );
});

test('equal values have equal keys, different ones different keys', () => {
  fc.assert(
    fc.property(json, json, (a, b) => {
      let equal = true;
      try {
        expect(a).toEqual(b);
      } catch {
        equal = false;
      }
      expect(canonicalJson(a) === canonicalJson(b)).toBe(equal);
    }),
  );
});

test.each<[string, Partial<KeyParts>, Partial<KeyParts>, string]>([
  ['a list', { params: { p: ['a', 'b'] } }, { params: { p: ['b', 'c'] } }, 'parameter p: +c -a'],
  [
    'a list of records',
    { params: { p: [{ a: 1 }] } },
    { params: { p: [{ a: 2 }] } },
    'parameter p: +{"a":2} -{"a":1}',
  ],
  ['its order', { params: { p: ['a', 'b'] } }, { params: { p: ['b', 'a'] } }, 'parameter p: order changed'],
  ['a value', { params: { p: 1 } }, { params: { p: 2 } }, 'parameter p: 1 is now 2'],
  [
    'a value within',
    { params: { env: { A: '1', B: '2' } } },
    { params: { env: { A: '1', B: '3' } } },
    'parameter env.B: "2" is now "3"',
  ],
  ['a value less', { params: { p: 1 } }, { params: {} }, 'parameter p: 1 is now nothing'],
  ['null is not nothing', { params: { p: null } }, { params: {} }, 'parameter p: null is now nothing'],
  ['an input less', { inputs: { a: '1', b: '2' } }, { inputs: { a: '1' } }, 'input b is gone'],
  ['an input more', { inputs: { a: '1' } }, { inputs: { a: '1', b: '2' } }, 'file-b is a new input'],
])('%s', (_what, before, after, words) => {
  const base = { kind: 'k', code: 'c', params: {}, inputs: {}, tools: 't', network: false, epoch: 0 };
  expect(firstDifference(step({ ...base, ...after }), { ...base, ...before }, { ...base, ...after })).toBe(
    words,
  );
});

test('a step depends on what its inputs hold, not on how they were made', () => {
  const result = (digest: string, rest: Partial<Result> = {}): Result => ({
    ...{ key: 'k', files: { out: { digest, size: 1 } }, sets: {}, trees: {}, facts: {}, epoch: 5, ms: 1 },
    ...rest,
  });
  const user: Step = {
    ...{ id: 'b', kind: 'k', stage: 's', params: {} },
    inputs: { in: { step: 'a', output: 'out' }, file: { source: 'f', digest: 'x' } },
  };
  const key = (a: Result, epoch?: number) => stepKey(keyParts(user, 'code', new Map([['a', a]]), epoch)!);
  const first = key(result('1'));
  expect(
    key(
      result('1', {
        key: 'another',
        ms: 99,
        files: { out: { digest: '1', size: 1 }, other: { digest: '7', size: 1 } },
      }),
    ),
  ).toBe(first);
  expect(key(result('2'))).not.toBe(first);
  expect(key(result('1', { facts: { a: 1 } }))).not.toBe(first);
  expect(key(result('1', { epoch: 6 }))).not.toBe(first);
  // A configured epoch goes over those of the packages.
  expect(key(result('1', { epoch: 6 }), 7)).toBe(key(result('1'), 7));
  expect(keyParts(user, 'code', new Map())).toBeUndefined();
  expect(keyParts(user, 'code', new Map([['a', result('1', { files: {} })]]))).toBeUndefined();
});
