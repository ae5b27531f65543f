import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // `unit` stands beside the code and takes seconds; `e2e` builds and boots real systems.
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.test.ts'],
          testTimeout: 1_200_000,
          hookTimeout: 1_200_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
