import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  buildId,
  formatEnvironment,
  formatSlotConfig,
  GRUBENV,
  slotConfig,
  slotFile,
  type BootEnvironment,
  type Slot,
  type SlotSystem,
} from '../disk/boot-slots.ts';
import { grubBoot, type Files } from './grub-model.ts';
import { fillSlot, install, type Fill } from './install.ts';
import { readState } from './read-state.ts';
import { PowerCut, simulate } from './simulated-disk.ts';
import { phaseOf } from './slots.ts';

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

interface TestSystem {
  system: SlotSystem;
  contents: Record<string, Buffer>;
}

function make(version: string, epoch: number): TestSystem {
  const contents = {
    vmlinuz: Buffer.from(`kernel ${version}`.padEnd(700, '.')),
    initrd: Buffer.from(`initrd ${version}`.padEnd(2100, '.')),
  };
  const parts = Object.entries(contents).map(([name, data]) => {
    return { name, size: data.length, sha256: sha256(data) };
  });
  const build = buildId(parts);
  return {
    contents,
    system: { name: 'osmith_deb_amd64', cmdline: 'quiet', epoch, issued: 0, build, parts },
  };
}

const older = make('1', 100);
const old = make('2', 200);
const next = make('3', 300);

function put(files: Map<string, Buffer>, slot: Slot, { system, contents }: TestSystem): void {
  for (const [name, data] of Object.entries(contents)) files.set(slotFile(slot, name), data);
  files.set(slotConfig(slot), Buffer.from(formatSlotConfig(slot, system)));
}

function filesWith(
  slots: Partial<Record<Slot, TestSystem>>,
  environment: BootEnvironment,
): Map<string, Buffer> {
  const files = new Map([[GRUBENV, Buffer.from(formatEnvironment(environment))]]);
  for (const [slot, system] of Object.entries(slots)) put(files, slot as Slot, system);
  return files;
}

/** Writes in pieces, resuming, as downloads do. */
function filling(source: TestSystem, disk: ReturnType<typeof simulate>['disk']): Fill {
  return async (part, path) => {
    const data = source.contents[part.name]!;
    let at = (await disk.size(path)) ?? 0;
    if (at > data.length) {
      await disk.truncate(path, 0);
      at = 0;
    }
    for (; at < data.length; at += 600) {
      await disk.write(path, data.subarray(at, at + 600), at);
      if (at === 600) await disk.sync(path);
    }
  };
}

const boots = (boot: ReturnType<typeof grubBoot>['boot'], { contents }: TestSystem) =>
  boot?.vmlinuz === contents['vmlinuz']!.toString('latin1') &&
  boot.initrd === contents['initrd']!.toString('latin1');

/** Boots until it stays the same, with systems that never confirm; every boot must be of a complete system. */
function checkBoots(files: Files, allowed: TestSystem[], last: TestSystem): void {
  let now = files;
  for (let count = 0; count < 6; count += 1) {
    const { boot, after } = grubBoot(now);
    expect(allowed.some((system) => boots(boot, system))).toBe(true);
    // Only a trial may start the new one.
    if (!boots(boot, last)) expect(boot!.trial).toBe(true);
    now = after;
  }
  // A system that never confirms is given up.
  expect(boots(grubBoot(now).boot, last)).toBe(true);
}

/** A reproducible source of yes and no. */
function coin(bits: readonly boolean[]): () => boolean {
  let at = 0;
  return () => bits[at++ % bits.length]!;
}

const KEEPS = [() => true, () => false];

/** Cuts the power before every single operation; returns how many there were. */
async function everyCut(
  files: Map<string, Buffer>,
  act: (disk: ReturnType<typeof simulate>['disk']) => Promise<void>,
  check: (medium: Map<string, Buffer>, done: boolean) => void | Promise<void>,
  keeps: (() => boolean)[],
): Promise<number> {
  for (let cut = 0; ; cut += 1) {
    for (const keep of keeps) {
      const simulation = simulate(files, cut);
      const done = await act(simulation.disk).then(
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

const bits = fc.array(fc.boolean(), { minLength: 5, maxLength: 40 });
const tries = fc.constantFrom(1, 2, 3);

test('a cut of power at any operation of an update leaves the old system, or the new one on trial', async () => {
  for (const slot of ['a', 'b'] as const) {
    const other = slot === 'a' ? 'b' : 'a';
    for (const beside of [undefined, older, next]) {
      const files = filesWith(beside === undefined ? { [slot]: old } : { [slot]: old, [other]: beside }, {
        slot,
      });
      const update = async (disk: ReturnType<typeof simulate>['disk']) =>
        install(disk, slot, next.system, filling(next, disk), 2);
      const count = await everyCut(files, update, (medium) => checkBoots(medium, [old, next], old), KEEPS);
      expect(count).toBeGreaterThan(12);
    }
  }
});

test('when the chosen slot could not be started, the one that runs is chosen before the other is filled', async () => {
  const files = filesWith({ a: old }, { slot: 'b' });
  const update = async (disk: ReturnType<typeof simulate>['disk']) =>
    install(disk, 'a', next.system, filling(next, disk), 1);
  await everyCut(files, update, (medium) => checkBoots(medium, [old, next], old), KEEPS);
});

test('a cut of power with any part of what was not synced on the medium, from any state before', async () => {
  const states = fc.record({
    beside: fc.constantFrom(undefined, older, next),
    trial: fc.constantFrom(undefined, { slot: 'b' as const, left: 2 }),
    unproven: fc.constantFrom(undefined, 'b' as const),
  });
  await fc.assert(
    fc.asyncProperty(bits, tries, states, async (random, count, { beside, trial, unproven }) => {
      const environment = { slot: 'a' as const, trial: beside && trial, unproven };
      const files = filesWith(beside ? { a: old, b: beside } : { a: old }, environment);
      const update = async (disk: ReturnType<typeof simulate>['disk']) =>
        install(disk, 'a', next.system, filling(next, disk), count);
      const allowed = beside ? [old, next, beside] : [old, next];
      await everyCut(files, update, (medium) => checkBoots(medium, allowed, old), [coin(random)]);
    }),
    { numRuns: 60 },
  );
});

test('an update that was cut is finished by the next one, whatever was left on the medium', async () => {
  await fc.assert(
    fc.asyncProperty(bits, fc.nat(40), async (random, cut) => {
      const before = filesWith({ a: old, b: older }, { slot: 'a' });
      const first = simulate(before, cut);
      await install(first.disk, 'a', next.system, filling(next, first.disk), 1).catch(() => {});
      const second = simulate(first.medium(coin(random)));
      await install(second.disk, 'a', next.system, filling(next, second.disk), 1);
      const medium = second.medium(() => false);
      expect(boots(grubBoot(medium).boot, next)).toBe(true);
      expect([...medium.keys()].sort()).toEqual(
        [
          GRUBENV,
          ...['a', 'b'].flatMap((s) => ['initrd', 'slot.cfg', 'vmlinuz'].map((f) => `osmith/${s}/${f}`)),
        ].sort(),
      );
    }),
    { numRuns: 100 },
  );
});

test('a repair that is cut leaves the other system, and the next repair finishes it', async () => {
  for (const gone of [['vmlinuz'], ['initrd'], ['vmlinuz', 'initrd']]) {
    const files = filesWith({ a: old, b: older }, { slot: 'a' });
    for (const name of gone) files.delete(slotFile('a', name));
    const repair = async (disk: ReturnType<typeof simulate>['disk']) =>
      fillSlot(disk, 'a', old.system, filling(old, disk));
    const check = async (medium: Map<string, Buffer>, done: boolean) => {
      const { boot } = grubBoot(medium);
      expect(boots(boot, done ? old : older) || boots(boot, old)).toBe(true);
      const again = simulate(medium);
      await repair(again.disk);
      expect(boots(grubBoot(again.medium(() => false)).boot, old)).toBe(true);
    };
    await everyCut(files, repair, check, KEEPS);
  }
});

test('what a system sees of itself through trial, failure and fall back', async () => {
  const update = simulate(filesWith({ a: old }, { slot: 'a' }));
  await install(update.disk, 'a', next.system, filling(next, update.disk), 1);
  let files = update.medium(() => false);
  const phase = async (slot: Slot, trial: boolean) =>
    phaseOf(await readState(simulate(files).disk, { slot, trial, build: 'x' }, true));
  expect(await phase('a', false)).toBe('pending');
  const first = grubBoot(files);
  files = first.after;
  expect(first.boot).toMatchObject({ slot: 'b', trial: true });
  expect(await phase('b', true)).toBe('trial');
  const second = grubBoot(files);
  expect(second.boot).toMatchObject({ slot: 'a', trial: false });
  expect(await phase('a', false)).toBe('failed');
});

test('too little room is told before anything changes', async () => {
  const files = filesWith({ a: old, b: older }, { slot: 'a' });
  const simulation = simulate(files, Infinity, 6000);
  const { disk } = simulation;
  await expect(
    fillSlot(disk, 'b', { ...next.system, parts: next.system.parts }, filling(next, disk)),
  ).rejects.toThrow(/free/);
  expect(boots(grubBoot(simulation.medium(() => true)).boot, old)).toBe(true);
});
