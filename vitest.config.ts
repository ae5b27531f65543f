import { defineConfig } from 'vitest/config';

// The desktop is under construction, and its test takes a quarter of an hour: `make test-desktop`.
const DESKTOP = ['test/desktop.test.ts'];

export default defineConfig({
  test: {
    // `unit` stands beside the code and takes seconds; `e2e` builds and boots real systems.
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.test.ts'],
          exclude: DESKTOP,
          testTimeout: 1_200_000,
          hookTimeout: 1_200_000,
          fileParallelism: false,
        },
      },
      { test: { name: 'desktop', include: DESKTOP, testTimeout: 1_200_000, hookTimeout: 1_200_000 } },
    ],
  },
});
