import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutSchema, MIB, place, SECTOR, type DiskLayout } from './layout.ts';
import { applianceLayout } from './layouts/appliance.ts';
import { BIOS_BOOT_TYPE, ESP_TYPE } from './layouts/types.ts';

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
          layout.partitions.filter(({ size }) => 'times' in size).map(({ name }) => [name, contents]),
        );
        const { partitions, total } = place(layout, inside, true);
        let end = 34 * SECTOR;
        for (const { start, size, spec } of partitions) {
          expect(start).toBeGreaterThanOrEqual(end);
          expect(start % SECTOR).toBe(0);
          if (layout.align >= 34 * SECTOR) expect(start % layout.align).toBe(0);
          if ('times' in spec.size) expect(size).toBeGreaterThanOrEqual(contents * spec.size.times);
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

  it.each([
    [
      'a partition in another',
      { partitions: [{ start: MIB, size: { bytes: 2 * MIB } }, { start: 2 * MIB }] },
    ],
    ['a blob in the table', { blobs: [{ input: 'blob', start: SECTOR, max: SECTOR }] }],
    ['a blob in a partition', { blobs: [{ input: 'blob', start: 64 * SECTOR, max: MIB }] }],
  ])('refuses %s', (_, { partitions = [{}], blobs }: { partitions?: object[]; blobs?: object[] }) => {
    const layout = layoutSchema.parse({
      ...{ name: 'wrong', align: MIB, blobs },
      partitions: partitions.map((partition, i) => ({
        ...{ name: `p${i}`, type: ESP_TYPE, size: { bytes: MIB }, contents: 'empty', ...partition },
      })),
    });
    expect(() => place(layout, {}, true)).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
  });
});
