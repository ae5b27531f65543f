import { expect, test } from 'vitest';
import { checkFleet, needFact, type Fleet } from './fleet.ts';
import { partsFact } from './size-limit.ts';

const MIB = 1024 * 1024;
const fleet: Fleet = [
  { name: '2026.1', slot: 300 * MIB, esp: 36 * MIB },
  { name: '2026.2', slot: 512 * MIB },
];
const part = (path: string, size: number) => ({ path, size: size * MIB });

test('what fits every release passes, to the byte', () => {
  checkFleet(fleet, { slot: 300 * MIB, esp: 36 * MIB }, []);
  checkFleet(fleet, { esp: 36 * MIB }, []);
  checkFleet([], { slot: 10 ** 12, esp: 10 ** 12 }, []);
});

test('what does not is told with its release, the largest contents and the growth', () => {
  const before = {
    ...needFact({ slot: 290 * MIB, esp: 30 * MIB }),
    ...partsFact([part('usr/lib/firmware', 100)]),
  };
  const now = [part('usr/lib/firmware', 120), part('usr/bin', 10)];
  expect(() => checkFleet(fleet, { slot: 300 * MIB + 1, esp: 36 * MIB + 1 }, now, before)).toThrow(
    'The root file system needs 314572801 bytes (300.0 MiB), the slot of 2026.1 has 314572800 (300.0 MiB). ' +
      'What boots it needs 37748737 bytes (36.0 MiB), the EFI system partition of 2026.1 has 37748736 (36.0 MiB); ' +
      'largest: usr/lib/firmware 120.0 MiB, usr/bin 10.0 MiB; ' +
      'since the last build: the root file system grew by 10.0 MiB, what boots it grew by 6.0 MiB, usr/lib/firmware grew by 20.0 MiB',
  );
});
