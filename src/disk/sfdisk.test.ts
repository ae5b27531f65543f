import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { layoutSchema, MIB, place, SECTOR, type DiskLayout, type Placement } from './layout.ts';
import { LAYOUTS } from './layouts/index.ts';
import { BIOS_BOOT_TYPE, ESP_TYPE } from './layouts/types.ts';
import { sfdiskArgv, sfdiskScript } from './sfdisk.ts';
import { describeWith, run, scratch } from './testing.ts';

interface Found {
  node: string;
  start: number;
  size: number;
  type: string;
  uuid?: string;
  name?: string;
  attrs?: string;
  bootable?: boolean;
}

/** What sfdisk reads from a disk that has the table. */
function written(placement: Placement, seed: string): { disk: string; found: Found[] } {
  const disk = join(scratch(), 'disk');
  const fd = openSync(disk, 'w');
  ftruncateSync(fd, placement.total);
  closeSync(fd);
  const made = run(sfdiskArgv(disk), { input: sfdiskScript(placement, seed) });
  expect(made).toMatchObject({ status: 0, stderr: '' });
  const table = JSON.parse(run(['sfdisk', '--json', disk]).stdout) as {
    partitiontable: { partitions: Found[] };
  };
  return { disk, found: table.partitiontable.partitions };
}

const number = ({ node }: Found) => Number(/\d+$/.exec(node)![0]);

/** Partitions of whole sectors, with gaps before those that have a fixed start, numbered in any order. */
function layouts(table: 'gpt' | 'dos'): fc.Arbitrary<DiskLayout> {
  const most = table === 'gpt' ? 9 : 4;
  const partition = fc.record({
    sectors: fc.integer({ min: 1, max: 4 * 2048 }),
    gap: fc.option(fc.integer({ min: 0, max: 5000 })),
    type: table === 'gpt' ? fc.constantFrom(ESP_TYPE, BIOS_BOOT_TYPE) : fc.constantFrom('ef', '83', 'da'),
    attributes: fc.constantFrom(undefined, ['RequiredPartition'], ['LegacyBIOSBootable', 'GUID:48,63']),
    grows: fc.boolean(),
  });
  const numbers = fc.shuffledSubarray(
    Array.from({ length: table === 'gpt' ? 128 : 4 }, (_, i) => i + 1),
    { minLength: most, maxLength: most },
  );
  const partitions = fc.array(partition, { minLength: 1, maxLength: most });
  return fc.tuple(partitions, numbers, fc.boolean()).map(([list, order, numbered]) => {
    let at = 4 * 2048;
    return layoutSchema.parse({
      ...{ name: 'random', table, align: MIB },
      partitions: list.map(({ sectors, gap, attributes, ...rest }, i) => {
        const start = gap === null ? undefined : at + gap;
        at = Math.ceil(((start ?? at) + sectors) / 2048) * 2048;
        return {
          ...rest,
          ...{ name: `part ${i}`, contents: 'empty', size: { bytes: sectors * SECTOR } },
          ...(start !== undefined && { start: start * SECTOR }),
          ...(table === 'gpt' && { attributes }),
          ...(numbered && { number: order[i] }),
        };
      }),
    });
  });
}

describeWith(['sfdisk', 'sgdisk'], 'sfdisk scripts', () => {
  it.each(['gpt', 'dos'] as const)('give sound %s tables, with every partition as it was placed', (table) => {
    fc.assert(
      fc.property(layouts(table), fc.stringMatching(/^[0-9a-f]{64}$/), (layout, seed) => {
        const placement = place(layout, {}, true);
        const { disk, found } = written(placement, seed);
        if (table === 'gpt') expect(run(['sgdisk', '-v', disk]).stdout).toContain('No problems found');
        else expect(run(['sfdisk', '--verify', disk]).stdout).toMatch(/No errors detected/);
        const wanted = placement.partitions
          .toSorted((a, b) => a.number - b.number)
          .map((p) => [p.number, p.start / SECTOR, p.size / SECTOR, p.spec.type.toLowerCase()]);
        expect(found.map((p) => [number(p), p.start, p.size, p.type.toLowerCase()])).toEqual(wanted);
        if (table === 'dos') return;
        for (const { node, name, attrs = '' } of found) {
          const { attributes = [], grows } = layout.partitions.find((spec) => spec.name === name)!;
          const bits = (list: string[]) =>
            list.flatMap((word) => word.replace('GUID:', '').split(',')).sort();
          const all = [...attributes, ...(grows === true ? ['GUID:55'] : [])];
          expect([node, bits(attrs.split(' '))]).toEqual([node, bits(all.length === 0 ? [''] : all)]);
        }
        expect(new Set(found.map(({ uuid }) => uuid)).size).toBe(found.length);
      }),
      { numRuns: 15 },
    );
  });

  const root = 10 * MIB;
  // Endless' layouts (documentation of its image builder): start and size in sectors, type, attributes.
  it.each([
    [
      'desktop',
      [
        [2048, 126976, 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', undefined],
        [129024, 2048, '21686148-6449-6E6F-744E-656564454649', undefined],
        [131072, root / SECTOR, '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709', 'GUID:55'],
      ],
    ],
    [
      'systemd-boot',
      [
        [2048, 1024000, 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', undefined],
        [1026048, root / SECTOR, '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709', 'GUID:55'],
      ],
    ],
    [
      'rpi',
      [
        [2048, 1048576, 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', undefined],
        [
          1050624,
          root / SECTOR,
          'B921B045-1DF0-41C3-AF44-4C6F280D3FAE',
          expect.stringMatching(/^(LegacyBIOSBootable GUID:55|GUID:55 LegacyBIOSBootable)$/),
        ],
      ],
    ],
    [
      'pinebookpro',
      [
        [32768, (62 * MIB) / SECTOR, 'ef', undefined],
        [32768 + (62 * MIB) / SECTOR, root / SECTOR, '83', undefined],
      ],
    ],
  ])('give the layout %s the places that it must have', (name, wanted) => {
    const { found } = written(place(LAYOUTS.get(name)!, { root }, true), '0'.repeat(64));
    expect(found.map(({ start, size, type, attrs }) => [start, size, type, attrs])).toEqual(wanted);
  });
});
