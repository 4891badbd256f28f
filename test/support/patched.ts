import { join } from 'node:path';
import { projectDir } from '../../src/common/paths.js';
import type { CpioEntry } from '../../src/rack/artifacts/index.js';
import type { Rack } from '../../src/rack/index.js';
import { compileForGuest, guestProgram } from './guest-tests.js';
import { GuestLines } from './guest-lines.js';
import { inBrick } from './rack.js';

/** The sdm-memport of a brick, and the file of its window: BAR 2. */
export const DEVICE = '0000:00:02.0';
export const WINDOW_BAR = `/sys/bus/pci/devices/${DEVICE}/resource2`;

/** For a hook or test that is the first to want our QEMU: it may have to be built, beside other work. */
export const BUILD_MS = 90 * 60_000;

/** What QEMU says of it (query-sdm-memory), as far as tests look. */
export interface SdmDevice {
  readonly 'window-base': number;
  readonly 'window-size': number;
  readonly granule: number;
  readonly memports: readonly SdmMemport[];
  readonly transceivers: readonly { readonly up: boolean; readonly downs: number }[];
}
export interface SdmMemport {
  readonly port: number;
  readonly status: string;
  readonly start: number;
  readonly size: number;
  readonly remote: number;
  readonly 'out-id': number;
  readonly 'in-id': number;
  readonly faults: number;
}

/** A look from the host at the device of a brick on a patched QEMU. */
export async function deviceOf(rack: Rack, n: number): Promise<SdmDevice> {
  const [device, ...more] = (await rack.qmp(n, (qmp) =>
    qmp.execute('query-sdm-memory'),
  )) as SdmDevice[];
  if (device === undefined || more.length > 0) throw new Error(`brick ${n} has not one device`);
  return device;
}

/** Whether a memport maps something: of one that was refused its device speaks, too. */
export const isSet = ({ status }: SdmMemport): boolean => status === 'active' || status === 'busy';

/** test/vm/window.c for bricks, as /brick/tests/window. */
export async function windowProgram(dir: string): Promise<CpioEntry> {
  const sources = join(projectDir(), 'test/vm');
  return guestProgram('/brick/tests/window', await compileForGuest('window', dir, sources));
}

/** A mapping of remote memory in a program in a brick, and what becomes of accesses to it. */
export interface GuestMapping {
  /** A line of test/vm/window.c's, such as "read 0 8"; gives its answer. */
  ask(line: string): Promise<string>;
  /** @returns the program's exit code. */
  end(): Promise<number>;
}

/** @throws where the range cannot be mapped, with the errno. */
export async function mapInBrick(
  rack: Rack,
  n: number,
  file: string,
  offset: bigint | number | string,
  size: number,
): Promise<GuestMapping> {
  const args = [file, String(offset), String(size)];
  const map = new GuestLines(rack, n, ['/brick/tests/window', ...args]);
  const first = await map.next('map');
  if (first !== 'mapped') throw new Error(first);
  return map;
}

/**
 * Runs a shell's commands in a brick while the module has a range of the window exposed to programs
 * that no attachment has: /dev/sdm-window maps it, whether or not a memport does. The brick must work on.
 */
export async function whileExposed(
  rack: Rack,
  n: number,
  { start, size }: { readonly start: bigint; readonly size: bigint },
  work: () => Promise<void>,
): Promise<void> {
  const range = `0x${start.toString(16)} 0x${size.toString(16)}`;
  const say = (file: string): string => `echo ${range} >/sys/class/misc/sdm-window/${file}`;
  let failed: { readonly error: unknown } | undefined;
  try {
    await inBrick(rack, n, `${say('claim')} && ${say('expose')}`);
    await work();
  } catch (error) {
    failed = { error };
  }
  try {
    await inBrick(rack, n, `${say('conceal')} && ${say('release')}`);
  } catch (error) {
    // After a failure this may well fail, too: what came first is what is wrong.
    failed ??= { error };
  }
  if (failed) throw failed.error;
}
