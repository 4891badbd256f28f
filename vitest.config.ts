import { defineConfig } from 'vitest/config';

/** Two projects: everything that runs as plain processes, and everything that boots VMs. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'process',
          include: ['test/**/*.test.ts'],
          exclude: ['test/vm/**'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          // Forked processes: the addon is also tested in worker threads, by the tests themselves.
          pool: 'forks',
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'vm',
          include: ['test/vm/**/*.vm.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 300_000,
          pool: 'forks',
          // An emulated machine has one processor: two files at a time keep two cores busy.
          maxWorkers: 2,
          isolate: true,
        },
      },
    ],
  },
});
