import { configDefaults, defineConfig } from 'vitest/config';
import { LONG, LONG_FILES } from './test/support/long.ts';

// Servers and emulated machines miss a deadline at times on a busy host. What needed a second try is told at the end.
const retry = process.env['CI'] === undefined ? 0 : 1;

export default defineConfig({
  test: {
    // Builds and machines wait as much as they work: two files at a time, whatever the number of processors.
    maxWorkers: 2,
    // `unit` stands beside the code and takes seconds; `e2e` builds and boots real systems.
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          retry,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/*.test.ts'],
          exclude: [...configDefaults.exclude, ...(LONG ? [] : LONG_FILES)],
          testTimeout: 1_800_000,
          hookTimeout: 1_800_000,
          // What hung hangs again.
          retry: { count: retry, condition: /^(?!.*timed out in \d+ms)/ },
        },
      },
    ],
  },
});
