import { closeSync, openSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { builtQemu, findQemu } from '../../src/rack/qemu-binary.js';
import { Qmp } from '../../src/rack/qmp.js';
import { MemportDevice } from './memport-device.js';
import { QtestMachine } from './qtest.js';

export interface Options {
  readonly binary: string;
  /** For sockets and memory; short. */
  readonly dir: string;
  /** Bytes of the pool, a file that takes no memory until it is written to. */
  readonly pool: bigint;
  /** Of -device sdm-memport: "window=16M". */
  readonly properties?: readonly string[];
}

export interface Machine {
  readonly device: MemportDevice;
  readonly qmp: Qmp;
  /** The file that the device's memports lead to. */
  readonly pool: string;
  end(): Promise<void>;
}

/** The QEMU whose device is tried: $SDM_QEMU, or the one of this project. */
export async function patchedQemu(): Promise<string> {
  return (await findQemu('patched')) ?? (await builtQemu({}));
}

/** A machine with nothing but a device sdm-memport, driven from here. */
export async function startMachine({
  binary,
  dir,
  pool,
  properties = [],
}: Options): Promise<Machine> {
  const path = join(dir, 'pool');
  closeSync(openSync(path, 'wx', 0o600));
  truncateSync(path, Number(pool));
  const monitor = join(dir, 'qmp');
  const device = ['sdm-memport', 'id=memports', 'memdev=pool', 'addr=02.0', ...properties];
  const machine = await QtestMachine.start(binary, dir, [
    ...['-machine', 'virt', '-cpu', 'max', '-m', '128M'],
    ...['-chardev', `socket,id=qmp,path=${monitor},server=on,wait=off`],
    ...['-mon', 'chardev=qmp,mode=control'],
    ...['-object', `memory-backend-remote,id=pool,offset=0,size=${pool},mem-path=${path}`],
    ...['-device', device.join(',')],
  ]);
  let qmp: Qmp | undefined;
  try {
    qmp = await Qmp.open(monitor);
    const found = await MemportDevice.at(machine, 2);
    return { device: found, qmp, pool: path, end: () => end(machine, qmp) };
  } catch (error) {
    await end(machine, qmp);
    throw error;
  }
}

async function end(machine: QtestMachine, qmp: Qmp | undefined): Promise<void> {
  qmp?.close();
  const code = await machine.end();
  if (code !== 0) throw new Error(`QEMU ended with ${code}: ${machine.said}`);
}
