import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildId, slotFile, type BootEnvironment, type Slot } from '../disk/boot-slots.ts';
import type { Files } from './grub-model.ts';
import { fillSlot, install, type Fill } from './install.ts';
import { espLayout, gptLayout, type Boot, type TestLayout, type TestSystem } from './layouts-under-test.ts';
import { readState } from './read-state.ts';
import { PowerCut, simulate } from './simulated-disk.ts';
import type { SlotStore } from './slot-store.ts';
import { phaseOf } from './slots.ts';

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

function make(layout: TestLayout, version: string, epoch: number): TestSystem {
  const contents = Object.fromEntries(
    Object.entries(layout.parts).map(([name, size]) => [
      name,
      Buffer.from(`${name} ${version}`.padEnd(size, version)),
    ]),
  );
  const parts = Object.entries(contents).map(([name, data]) => {
    return { name, size: data.length, sha256: sha256(data) };
  });
  const build = buildId(parts);
  return {
    contents,
    system: { name: 'osmith_deb_amd64', cmdline: 'quiet', epoch, issued: 0, build, parts },
  };
}

/** Writes in pieces, resuming, as downloads do. */
function filling({ contents }: TestSystem): Fill {
  return async (part, store) => {
    const data = contents[part.name]!;
    let at = (await store.size()) ?? 0;
    if (at > data.length) {
      await store.truncate(0);
      at = 0;
    }
    for (; at < data.length; at += 600) {
      await store.write(data.subarray(at, at + 600), at);
      if (at === 600) await store.sync();
    }
  };
}

const boots = (boot: Boot | undefined, { contents }: TestSystem) =>
  boot !== undefined &&
  Object.entries(contents).every(([name, data]) => boot.contents[name] === data.toString('latin1'));

/** A reproducible source of yes and no. */
function coin(bits: readonly boolean[]): () => boolean {
  let at = 0;
  return () => bits[at++ % bits.length]!;
}

const KEEPS = [() => true, () => false];
const bits = fc.array(fc.boolean(), { minLength: 5, maxLength: 40 });
const tries = fc.constantFrom(1, 2, 3);

describe.each([espLayout, gptLayout])('slots are $name', (layout) => {
  const older = make(layout, '1', 100);
  const old = make(layout, '2', 200);
  const next = make(layout, '3', 300);

  /** Boots until it stays the same, with systems that never confirm; every boot must be of a complete system. */
  async function checkBoots(files: Files, allowed: TestSystem[], last: TestSystem): Promise<void> {
    let now = files;
    for (let count = 0; count < 6; count += 1) {
      const { boot, after } = await layout.boot(now);
      expect(allowed.some((system) => boots(boot, system))).toBe(true);
      // Only a trial may start the new one.
      if (!boots(boot, last)) expect(boot!.trial).toBe(true);
      now = after;
    }
    // A system that never confirms is given up.
    expect(boots((await layout.boot(now)).boot, last)).toBe(true);
  }

  /** Cuts the power before every single operation; returns how many there were. */
  async function everyCut(
    files: Map<string, Buffer>,
    act: (slots: SlotStore) => Promise<void>,
    check: (medium: Map<string, Buffer>, done: boolean) => Promise<void>,
    keeps: (() => boolean)[],
  ): Promise<number> {
    for (let cut = 0; ; cut += 1) {
      for (const keep of keeps) {
        const simulation = simulate(files, cut);
        const done = await act(layout.store(simulation)).then(
          () => true,
          (error: unknown) => {
            if (error instanceof PowerCut) return false;
            throw error;
          },
        );
        await check(simulation.medium(keep), done);
        if (done) return cut;
      }
    }
  }

  const installNext =
    (running: Slot, count: number) =>
    async (slots: SlotStore): Promise<void> =>
      install(slots, running, next.system, filling(next), count);

  test('a cut of power at any operation of an update leaves the old system, or the new one on trial', async () => {
    for (const slot of ['a', 'b'] as const) {
      const other = slot === 'a' ? 'b' : 'a';
      for (const beside of [undefined, older, next]) {
        const slots = beside === undefined ? { [slot]: old } : { [slot]: old, [other]: beside };
        const check = async (medium: Files) => checkBoots(medium, [old, next], old);
        const count = await everyCut(layout.disk(slots, { slot }), installNext(slot, 2), check, KEEPS);
        expect(count).toBeGreaterThan(12);
      }
    }
  });

  test('a cut of power with any part of what was not synced on the medium, from any state before', async () => {
    const states = fc.record({
      beside: fc.constantFrom(undefined, older, next),
      trial: fc.constantFrom(undefined, { slot: 'b' as const, left: 2 }),
      unproven: fc.constantFrom(undefined, 'b' as const),
    });
    await fc.assert(
      fc.asyncProperty(bits, tries, states, async (random, count, { beside, trial, unproven }) => {
        const environment: BootEnvironment = { slot: 'a', trial: beside && trial, unproven };
        const files = layout.disk(beside ? { a: old, b: beside } : { a: old }, environment);
        const allowed = beside ? [old, next, beside] : [old, next];
        const check = async (medium: Files) => checkBoots(medium, allowed, old);
        await everyCut(files, installNext('a', count), check, [coin(random)]);
      }),
      { numRuns: 60 },
    );
  });

  test('an update that was cut is finished by the next one, whatever was left on the medium', async () => {
    await fc.assert(
      fc.asyncProperty(bits, fc.nat(40), async (random, cut) => {
        const first = simulate(layout.disk({ a: old, b: older }, { slot: 'a' }), cut);
        await installNext('a', 1)(layout.store(first)).catch(() => {});
        const second = simulate(first.medium(coin(random)));
        await installNext('a', 1)(layout.store(second));
        const medium = second.medium(() => false);
        const state = await readState(
          layout.store(simulate(medium)),
          { slot: 'a', build: old.system.build, trial: false },
          true,
        );
        expect(state.slots).toMatchObject({
          a: { intact: true, system: { build: old.system.build } },
          b: { intact: true, system: { build: next.system.build } },
        });
        expect(boots((await layout.boot(medium)).boot, next)).toBe(true);
        // Nothing is left over.
        expect([...medium.keys()].sort()).toEqual(
          [...layout.disk({ a: old, b: next }, { slot: 'a' }).keys()].sort(),
        );
      }),
      { numRuns: 100 },
    );
  });

  test('a confirmation that is cut leaves either system, and the old one as long as it is not confirmed', async () => {
    const files = layout.disk({ a: old, b: next }, { slot: 'a', unproven: 'b' });
    await everyCut(
      files,
      async (slots) => slots.setEnvironment({ slot: 'b' }),
      async (medium, done) => {
        const { boot } = await layout.boot(medium);
        expect(boot?.trial).toBe(false);
        expect(boots(boot, next) || (!done && boots(boot, old))).toBe(true);
      },
      [...KEEPS, coin([true, false, false])],
    );
  });

  test('what a system sees of itself through trial, failure and fall back', async () => {
    const update = simulate(layout.disk({ a: old }, { slot: 'a' }));
    await installNext('a', 1)(layout.store(update));
    let files = update.medium(() => false);
    const phase = async (slot: Slot, trial: boolean) =>
      phaseOf(await readState(layout.store(simulate(files)), { slot, trial, build: 'x' }, true));
    expect(await phase('a', false)).toBe('pending');
    const first = await layout.boot(files);
    files = first.after;
    expect(first.boot).toMatchObject({ slot: 'b', trial: true });
    expect(await phase('b', true)).toBe('trial');
    const second = await layout.boot(files);
    expect(second.boot).toMatchObject({ slot: 'a', trial: false });
    expect(await phase('a', false)).toBe('failed');
  });

  test('too little room is told before anything changes', async () => {
    const files = layout.disk({ a: old, b: older }, { slot: 'a' });
    const simulation = simulate(files, Infinity, 6000);
    const slots = layout.store(simulation);
    const large = next.system.parts.map((part) => ({ ...part, size: part.size + 4000 }));
    await expect(slots.checkRoom('b', large)).rejects.toThrow(/bytes.* needs? /);
    expect(simulation.count()).toBe(0);
  });

  if (layout !== espLayout) return;

  test('when the chosen slot could not be started, the one that runs is chosen before the other is filled', async () => {
    const check = async (medium: Files) => checkBoots(medium, [old, next], old);
    await everyCut(layout.disk({ a: old }, { slot: 'b' }), installNext('a', 1), check, KEEPS);
  });

  test('a repair that is cut leaves the other system, and the next repair finishes it', async () => {
    for (const gone of [['vmlinuz'], ['initrd'], ['vmlinuz', 'initrd']]) {
      const files = layout.disk({ a: old, b: older }, { slot: 'a' });
      for (const name of gone) files.delete(slotFile('a', name));
      const repair = async (slots: SlotStore) => fillSlot(slots, 'a', old.system, filling(old));
      const check = async (medium: Map<string, Buffer>, done: boolean) => {
        const { boot } = await layout.boot(medium);
        expect(boots(boot, done ? old : older) || boots(boot, old)).toBe(true);
        const again = simulate(medium);
        await repair(layout.store(again));
        expect(boots((await layout.boot(again.medium(() => false))).boot, old)).toBe(true);
      };
      await everyCut(files, repair, check, KEEPS);
    }
  });
});
