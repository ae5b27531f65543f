import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutSchema, MIB, place, SECTOR, type DiskLayout } from './layout.ts';
import { applianceLayout, BIOS_BOOT_TYPE, ESP_TYPE } from './layouts/appliance.ts';
import { sfdiskArgv, sfdiskScript } from './sfdisk.ts';
import { describeWith, run, scratch } from './testing.ts';

const size = fc.oneof(
  fc.record({ bytes: fc.integer({ min: 1, max: 40 * MIB }) }),
  fc.record({
    times: fc.integer({ min: 1, max: 3 }),
    headroom: fc.integer({ min: 0, max: 10 * MIB }),
    min: fc.integer({ min: 1, max: 10 * MIB }),
  }),
);
const attributes = fc.option(
  fc.constantFrom(['RequiredPartition'], ['LegacyBIOSBootable', 'GUID:60'], ['GUID:48,63']),
  {
    nil: undefined,
  },
);
const layouts = fc
  .record({
    align: fc.constantFrom(SECTOR, 4096, MIB, 3 * MIB),
    partitions: fc.array(fc.record({ size, attributes, type: fc.constantFrom(ESP_TYPE, BIOS_BOOT_TYPE) }), {
      minLength: 1,
      maxLength: 9,
    }),
  })
  .map(({ align, partitions }): DiskLayout =>
    layoutSchema.parse({
      name: 'random',
      align,
      partitions: partitions.map((partition, i) => ({ ...partition, name: `part ${i}`, contents: 'empty' })),
    }),
  );

describe('place', () => {
  it('puts partitions in order, aligned, apart, large enough, clear of both tables', () => {
    fc.assert(
      fc.property(layouts, fc.integer({ min: 0, max: MIB }), (layout, contents) => {
        const inside = Object.fromEntries(
          layout.partitions.filter(({ size }) => !('bytes' in size)).map(({ name }) => [name, contents]),
        );
        const { partitions, total } = place(layout, inside, true);
        let end = 34 * SECTOR;
        for (const { start, size, spec } of partitions) {
          expect(start).toBeGreaterThanOrEqual(end);
          expect(start % SECTOR).toBe(0);
          if (layout.align >= 34 * SECTOR) expect(start % layout.align).toBe(0);
          if (!('bytes' in spec.size)) expect(size).toBeGreaterThanOrEqual(contents * spec.size.times);
          end = start + size;
        }
        expect(total - end).toBeGreaterThanOrEqual(33 * SECTOR);
      }),
    );
  });

  it('leaves out what only BIOS machines need, and numbers the rest from 1', () => {
    const { partitions } = place(applianceLayout, { esp: 200 * MIB }, false);
    expect(partitions.map(({ number, spec }) => [number, spec.name])).toEqual([[1, 'esp']]);
    expect(partitions[0]!.size).toBeGreaterThanOrEqual(400 * MIB);
  });

  it('refuses contents that a fixed size cannot hold', () => {
    const layout = layoutSchema.parse({
      ...applianceLayout,
      partitions: [{ ...applianceLayout.partitions[1], size: { bytes: MIB } }],
    });
    expect(() => place(layout, { esp: MIB + 1 }, true)).toThrow(
      expect.objectContaining({ code: 'E_TOO_LARGE' }),
    );
  });
});

describeWith(['sfdisk', 'sgdisk'], 'sfdisk scripts', () => {
  it('give tables that sfdisk and sgdisk find sound, with every partition where it was placed', () => {
    fc.assert(
      fc.property(layouts, fc.stringMatching(/^[0-9a-f]{64}$/), (layout, seed) => {
        const disk = join(scratch(), 'disk');
        const placement = place(layout, {}, true);
        const fd = openSync(disk, 'w');
        ftruncateSync(fd, placement.total);
        closeSync(fd);
        const made = run(sfdiskArgv(disk), { input: sfdiskScript(placement, seed) });
        expect(made).toMatchObject({ status: 0, stderr: '' });
        expect(run(['sgdisk', '-v', disk]).stdout).toContain('No problems found');
        const table = JSON.parse(run(['sfdisk', '--json', disk]).stdout) as {
          partitiontable: {
            partitions: { start: number; size: number; uuid: string; name: string; attrs?: string }[];
          };
        };
        const found = table.partitiontable.partitions;
        expect(found.map(({ start, size, name }) => [start, size, name])).toEqual(
          placement.partitions.map((p) => [p.start / SECTOR, p.size / SECTOR, p.spec.name]),
        );
        expect(found.map(({ attrs }) => attrs)).toEqual(
          layout.partitions.map((p) => p.attributes?.join(' ')),
        );
        expect(new Set(found.map(({ uuid }) => uuid)).size).toBe(found.length);
      }),
      { numRuns: 20 },
    );
  });
});
