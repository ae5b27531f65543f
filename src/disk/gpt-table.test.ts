import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { slotTable } from '../update/layouts-under-test.ts';
import { PowerCut, simulate } from '../update/simulated-disk.ts';
import { memoryDisk } from '../update/gpt-model.ts';
import { environmentOf, SLOT_STATE, statesOf } from './gpt-slots.ts';
import { entriesOf, readGpt, withStates, writeEntries, type RawDisk } from './gpt-table.ts';
import { MIB, SECTOR } from './layout.ts';
import { describeWith, run, scratch } from './testing.ts';

const BLANK = Buffer.alloc(SECTOR);

async function changeState(disk: RawDisk, number: number, state: number): Promise<void> {
  const gpt = await readGpt(disk);
  await writeEntries(disk, gpt, withStates(gpt.table, new Map([[number, state]])));
}

async function states(bytes: Buffer): Promise<number[]> {
  return entriesOf((await readGpt(memoryDisk(bytes))).table)
    .filter(({ name }) => name !== '')
    .map(({ state }) => state);
}

describeWith(['sfdisk', 'sgdisk'], 'tables', () => {
  const TYPE = '5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6';
  const script = `label: gpt
first-lba: 2048
size=1MiB, type=U, name="EFI System", attrs="LegacyBIOSBootable"
size=1MiB, type=${TYPE}, name="IMGA", attrs="RequiredPartition,GUID:49,GUID:56"
size=1MiB, type=${TYPE}, name="IMGB"
`;
  const made = () => {
    const file = join(scratch(), 'disk.raw');
    writeFileSync(file, Buffer.alloc(8 * MIB));
    expect(run(['sfdisk', '-q', '--no-reread', '--no-tell-kernel', file], { input: script }).status).toBe(0);
    return file;
  };

  it.each(['nothing', 'first', 'second'])(
    'are changed as sfdisk and sgdisk read them, and mended: %s damaged',
    async (damaged) => {
      const file = made();
      const bytes = readFileSync(file);
      if (damaged === 'first') BLANK.copy(bytes, SECTOR);
      if (damaged === 'second') BLANK.copy(bytes, bytes.length - SECTOR);
      await changeState(memoryDisk(bytes), 3, SLOT_STATE.updating(1));
      writeFileSync(file, bytes);
      expect(run(['sgdisk', '-v', file]).stdout).toContain('No problems found');
      const dump = run(['sfdisk', '--dump', file]).stdout;
      expect(dump).toContain('name="IMGA", attrs="RequiredPartition GUID:49,56"');
      expect(dump).toContain('name="IMGB", attrs="GUID:48,49,52"');
      expect(dump).toContain('name="EFI System", attrs="LegacyBIOSBootable"');
    },
  );
});

test('one table is whole after every cut of power, even when the other was damaged before', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('first', 'second', 'none'),
      fc.nat(8),
      fc.array(fc.boolean(), { minLength: 7, maxLength: 40 }),
      async (damaged, cut, bits) => {
        const disk = slotTable({ slot: 'a' });
        if (damaged !== 'none') BLANK.copy(disk, damaged === 'first' ? SECTOR : disk.length - SECTOR);
        const simulation = simulate(new Map([['disk', disk]]), cut);
        await changeState(simulation.raw('disk'), 3, SLOT_STATE.updating(2)).catch((error: unknown) => {
          if (!(error instanceof PowerCut)) throw error;
        });
        let at = 0;
        const medium = simulation.medium(() => bits[at++ % bits.length]!).get('disk')!;
        const found = await states(medium);
        expect([
          [0x102, 0],
          [0x102, 0x023],
        ]).toContainEqual(found);
      },
    ),
    { numRuns: 300 },
  );
});

test('a disk whose tables are both damaged is told so', async () => {
  const disk = slotTable({ slot: 'a' });
  BLANK.copy(disk, SECTOR);
  BLANK.copy(disk, disk.length - SECTOR);
  await expect(readGpt(memoryDisk(disk))).rejects.toThrow('Both partition tables of the disk are damaged');
});

test('what attributes say, and what is said in attributes', () => {
  expect(statesOf({ slot: 'a', trial: { slot: 'b', left: 1 }, unproven: 'b' })).toEqual({
    a: 0x102,
    b: 0x013,
  });
  expect(statesOf({ slot: 'b', unproven: 'a' })).toEqual({ a: 0x003, b: 0x102 });
  expect(statesOf({ slot: 'b' })).toEqual({ a: 0, b: 0x102 });
  for (const environment of [
    { slot: 'a' },
    { slot: 'b', unproven: 'a' },
    { slot: 'a', trial: { slot: 'b', left: 3 }, unproven: 'b' },
  ] as const)
    expect(environmentOf(statesOf(environment))).toEqual(environment);
});
