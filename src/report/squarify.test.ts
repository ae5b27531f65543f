import fc from 'fast-check';
import { expect, test } from 'vitest';
import { squarify } from './squarify.ts';

const SIZES = fc
  .array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 60 })
  .map((sizes) => sizes.toSorted((a, b) => b - a));

test('areas are in proportion, inside, and do not overlap', () => {
  fc.assert(
    fc.property(
      SIZES,
      fc.integer({ min: 50, max: 2000 }),
      fc.integer({ min: 50, max: 2000 }),
      (sizes, width, height) => {
        const boxes = squarify(sizes, { x: 10, y: 20, width, height });
        const total = sizes.reduce((sum, size) => sum + size, 0);
        boxes.forEach((box, index) => {
          expect(box.width * box.height).toBeCloseTo((sizes[index]! / total) * width * height, 4);
          expect(box.x).toBeGreaterThanOrEqual(10 - 1e-6);
          expect(box.x + box.width).toBeLessThanOrEqual(10 + width + 1e-6);
          expect(box.y).toBeGreaterThanOrEqual(20 - 1e-6);
          expect(box.y + box.height).toBeLessThanOrEqual(20 + height + 1e-6);
          for (const other of boxes.slice(index + 1)) {
            const apart =
              other.x >= box.x + box.width - 1e-6 ||
              other.x + other.width <= box.x + 1e-6 ||
              other.y >= box.y + box.height - 1e-6 ||
              other.y + other.height <= box.y + 1e-6;
            expect(apart).toBe(true);
          }
        });
      },
    ),
  );
});

test('equal areas are near to squares', () => {
  for (const { width, height } of squarify(Array<number>(12).fill(1), {
    x: 0,
    y: 0,
    width: 400,
    height: 300,
  })) {
    expect(Math.max(width / height, height / width)).toBeLessThan(2);
  }
});
