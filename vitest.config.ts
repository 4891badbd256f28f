import { statfsSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { defineConfig } from 'vitest/config';

const GIB = 2 ** 30;

/**
 * How many files that boot machines run at a time. An emulated machine has one processor, so two
 * files keep two cores busy, where there is memory for two racks: for each a pool of 4 GiB in
 * /dev/shm, and two machines.
 */
function vmWorkers(): number {
  const { bavail, bsize } = statfsSync('/dev/shm');
  const room = bavail * bsize >= 9 * GIB && freemem() >= 12 * GIB;
  return room && availableParallelism() >= 2 ? 2 : 1;
}

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
          maxWorkers: vmWorkers(),
          isolate: true,
        },
      },
    ],
  },
});
