import { readdirSync } from 'node:fs';
import { packageVersion } from '../version.js';
import type { Define } from './metrics.js';

/** The process itself, under the names that Prometheus's own libraries use. */
export function processMetrics(gauge: Define, counter: Define): void {
  const started = Date.now() / 1000 - process.uptime();
  const version = packageVersion();
  gauge('sdm_build_info', 'Always 1.', ['version', 'nodejs_version'], (put) =>
    put(1, { version, nodejs_version: process.versions.node }),
  );
  counter('process_cpu_seconds_total', 'CPU time of the daemon.', [], (put) => {
    const { user, system } = process.cpuUsage();
    put((user + system) / 1e6);
  });
  gauge('process_resident_memory_bytes', 'Memory of the daemon.', [], (put) =>
    put(process.memoryUsage.rss()),
  );
  gauge('process_start_time_seconds', 'When it started, since 1970.', [], (put) => put(started));
  gauge('process_open_fds', 'Files and connections that are open.', [], (put) =>
    put(readdirSync('/proc/self/fd').length),
  );
  counter('nodejs_eventloop_active_seconds_total', 'How long it was not idle.', [], (put) =>
    put(performance.eventLoopUtilization().active / 1000),
  );
  gauge(
    'nodejs_eventloop_lag_seconds',
    'How late a turn came, at this scrape.',
    [],
    async (put) => {
      const asked = performance.now();
      await new Promise<void>((resolve) => setImmediate(resolve));
      put((performance.now() - asked) / 1000);
    },
  );
}
