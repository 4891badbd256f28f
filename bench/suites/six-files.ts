import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureOne } from '../harness/commands.js';
import type { Workload } from '../harness/types.js';
import { perItem } from '../harness/time.js';

/** The files of D4.4's glue-logic driver, in the order in which its agent wrote them. */
const FILES = ['startAddress', 'endAddress', 'offset', 'outId', 'inId', 'set'] as const;
const SEGMENT = 1n << 28n;
const WINDOW = 0x4_0000_0000n;
const SCRIPT = fileURLToPath(new URL('../../../bench/python/six_files.py', import.meta.url));

/** Names of the four baselines' series. */
export const SIX_FILES = {
  nodeOpen: 'Node, six open files',
  nodeReopen: 'Node, six times open, write, close',
  pythonOpen: 'Python, six open files',
  pythonReopen: 'Python, six times open, write, close',
} as const;

/** The texts of a memport, made beforehand: only the writes are measured. */
function texts(port: number): string[] {
  const start = WINDOW + BigInt(port) * SEGMENT;
  const id = BigInt(port);
  const fields = [start, start + SEGMENT - 1n, 0x4_0000_0000n, id, id, id];
  return fields.map((field) => `0x${field.toString(16)}`);
}

export interface SixFiles {
  /** Each gives its series in ns per memport, and times `ports` under `batchOf(series)`. */
  readonly workloads: readonly Workload[];
  close(): void;
}

/** The series of a whole batch, beside the one of a single memport. */
export function batchOf(series: string): string {
  return `${series}, batch`;
}

/**
 * Programming memports by writing six small files, as the project's forerunner did. The files lie on
 * tmpfs; sysfs costs more, since a driver acts on each write. So this flatters the baseline.
 */
export function sixFiles(
  directory: string,
  ports: number,
  count: number,
  signal: AbortSignal,
): SixFiles {
  const rows = Array.from({ length: ports }, (_, port) => {
    const folder = path.join(directory, `memport${port}`);
    mkdirSync(folder, { recursive: true });
    const values = texts(port);
    return FILES.map((name, i) => {
      const file = path.join(folder, name);
      writeFileSync(file, values[i]!);
      return { file, text: values[i]!, fd: openSync(file, 'w') };
    });
  });
  const readings = (series: string, ns: number): Record<string, number> => ({
    [series]: ns,
    [batchOf(series)]: ns * ports,
  });
  const inNode = (series: string, write: (row: (typeof rows)[number]) => void): Workload => ({
    name: series,
    run: () => {
      const loop = (n: number): void => {
        for (let i = 0; i < n; i += 1) write(rows[i % ports]!);
      };
      return readings(series, perItem(count, loop));
    },
  });
  const inPython = (series: string, mode: string): Workload => ({
    name: series,
    run: async () => {
      const args = [SCRIPT, directory, String(ports), String(count), mode];
      return readings(series, await measureOne(['python3', ...args], 'ns', signal));
    },
  });
  return {
    workloads: [
      inNode(SIX_FILES.nodeOpen, (row) => row.forEach(({ fd, text }) => writeSync(fd, text, 0))),
      inNode(SIX_FILES.nodeReopen, (row) =>
        row.forEach(({ file, text }) => writeFileSync(file, text)),
      ),
      inPython(SIX_FILES.pythonOpen, 'open'),
      inPython(SIX_FILES.pythonReopen, 'reopen'),
    ],
    close: () => rows.flat().forEach(({ fd }) => closeSync(fd)),
  };
}
