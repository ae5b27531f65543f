/** What steps make of what they see. The machines themselves are in test/. */
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../agent/config.ts';
import type { BootEnvironment, SlotSystem } from '../../disk/boot-slots.ts';
import { generateKey } from '../../pattern/index.ts';
import { completeConfig } from './agent-config.ts';
import { differences } from './disk.ts';
import { workspacePath } from './paths.ts';
import { slotMismatch, slotsSeen } from './slots.ts';
import { STEP_KINDS } from './steps.ts';

describe('slots', () => {
  const name = (build: string) => ({ one: 'same', two: 'newer' })[build] ?? 'another';

  it.each<[string, BootEnvironment, [a?: string, b?: string], object]>([
    ['as it was built', { slot: 'a' }, ['one'], { boots: 'a', tries: 'none', a: 'same', b: 'incomplete' }],
    [
      'before the next boot',
      { slot: 'a', trial: { slot: 'b', left: 2 }, unproven: 'b' },
      ['one', 'two'],
      { boots: 'a', tries: 'b', a: 'same', b: 'newer' },
    ],
    ['confirmed', { slot: 'b' }, ['one', 'two'], { boots: 'b', tries: 'none', b: 'newer' }],
    ['something else', { slot: 'a' }, ['three'], { a: 'another' }],
  ])('%s', (_, environment, [a, b], expected) => {
    const system = (build?: string) => (build === undefined ? undefined : ({ build } as SlotSystem));
    const seen = slotsSeen({ environment, systems: { a: system(a), b: system(b) } }, name);
    expect(seen).toMatchObject(expected);
    expect(slotMismatch(expected, seen)).toBeUndefined();
  });

  it('says all that is wrong', () => {
    const systems = { a: { build: 'one' } as SlotSystem, b: undefined };
    const seen = slotsSeen({ environment: { slot: 'a' }, systems }, name);
    expect(slotMismatch({ boots: 'b', b: 'newer', a: 'same' }, seen)).toBe(
      'boots: a, not b; b: incomplete, not newer',
    );
  });
});

it('differences of two disks', () => {
  const before = new Map([
    ['a', '1'],
    ['b', '1'],
    ['c', '1'],
  ]);
  const after = new Map([
    ['a', '1'],
    ['b', '2'],
    ['d', '1'],
  ]);
  expect([...differences(before, after)]).toEqual([
    ['b', 'was changed'],
    ['d', 'is new'],
    ['c', 'is gone'],
  ]);
  expect(differences(before, new Map(before)).size).toBe(0);
});

describe("the agent's configuration", () => {
  const key = generateKey('ed25519', 'test');
  const other = 'ed25519public:MCow:other';

  it('gets the key and the URL of the run, and keeps what it has', () => {
    const complete = completeConfig(
      { verifyKeys: [other], sources: { test: { allowPush: true } }, update: { reboot: 'now' } },
      { key, url: 'http://10.0.2.2:1' },
    );
    const { verifyKeys, update } = checkConfig(complete, []);
    expect(verifyKeys).toEqual([expect.stringMatching(/^ed25519public:.*:test$/), other]);
    expect(update).toMatchObject({ url: 'http://10.0.2.2:1', reboot: 'now' });
  });

  it('never has the private half', () => {
    const text = JSON.stringify(completeConfig({}, { key, url: '' }));
    expect(text).not.toContain(Buffer.from(key.der).toString('base64').slice(20, 60));
  });

  it('has no update unless it was asked for', () => {
    expect(completeConfig({}, { key, url: 'http://x' })).not.toHaveProperty('update');
  });
});

it.each([
  ['/w/scenarios/one.yaml', 'patterns/x.jsonnet', '/w/patterns/x.jsonnet'],
  ['/somewhere/one.yaml', 'x.jsonnet', '/somewhere/x.jsonnet'],
])('a path in %s', (file, path, expected) => {
  expect(workspacePath({ file }, path)).toBe(expected);
});

it('every kind of step that may stand alone takes its parameter in short', () => {
  for (const [kind, { short, params }] of Object.entries(STEP_KINDS)) {
    if (short === undefined) continue;
    const values = ['a', 1, 'kernel', 'button', 'newer', '1M'].map((value) =>
      params.safeParse({ [short]: value }),
    );
    expect(
      values.some(({ success }) => success),
      kind,
    ).toBe(true);
  }
});
