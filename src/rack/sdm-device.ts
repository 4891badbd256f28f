import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { SdmError } from '../common/errors.js';
import type { BrickLayout } from './layout.js';
import { Qmp } from './qmp.js';
import { noTransceiver } from './registers.js';

/** The id that a brick's sdm-memport has in QEMU. */
export const SDM_DEVICE = 'memports';

/** For one look at the device, which waits for whoever else speaks to this QEMU. */
const LOOK_MS = 3000;

/** What we read of query-sdm-memory's answer; there is more in it. */
const Device = Type.Object({
  device: Type.Optional(Type.String()),
  memports: Type.Array(Type.Object({ size: Type.Number(), status: Type.String() })),
  transceivers: Type.Array(Type.Object({ up: Type.Boolean() })),
});
const Devices = Type.Array(Device);

/**
 * Bytes that a brick's memports map, by its QEMU.
 * @returns undefined if that cannot be asked, or the brick has no such device.
 */
export async function deviceAttachedBytes(brick: BrickLayout): Promise<bigint | undefined> {
  try {
    const device = await withQmp(brick, look);
    return device?.memports
      .filter(({ status }) => status === 'active')
      .reduce((sum, { size }) => sum + BigInt(size), 0n);
  } catch (error) {
    if (error instanceof SdmError) return undefined;
    throw error;
  }
}

/**
 * Takes a link up or down, as setLink() of registers.ts does where the registers are a file.
 * @returns whether anything changed.
 * @throws SdmError SDM_INPUT if the brick has no such transceiver, SDM_UNREACHABLE, SDM_RACK_QEMU.
 */
export async function setDeviceLink(
  brick: BrickLayout,
  transceiver: number,
  up: boolean,
): Promise<boolean> {
  return withQmp(brick, (qmp) => setLinkThrough(qmp, transceiver, up));
}

/** The same over a connection that is open. */
export async function setLinkThrough(qmp: Qmp, transceiver: number, up: boolean): Promise<boolean> {
  const transceivers = (await look(qmp))?.transceivers ?? [];
  const now = transceivers[transceiver];
  if (now === undefined) throw noTransceiver(transceiver, transceivers.length);
  if (now.up === up) return false;
  await qmp.execute('sdm-link-set', { device: SDM_DEVICE, transceiver, up }, LOOK_MS);
  return true;
}

/** Speaks to a brick's QEMU. It hears one at a time, so this is to be short. */
export async function withQmp<T>(
  brick: BrickLayout,
  work: (qmp: Qmp) => Promise<T>,
  timeoutMs: number = LOOK_MS,
): Promise<T> {
  const qmp = await Qmp.open(brick.qmpSocket, timeoutMs);
  try {
    return await work(qmp);
  } finally {
    qmp.close();
  }
}

async function look(qmp: Qmp): Promise<Static<typeof Device> | undefined> {
  const answer = await qmp.execute('query-sdm-memory', {}, LOOK_MS);
  if (!Value.Check(Devices, answer)) {
    const error = Value.Errors(Devices, answer)[0];
    throw new SdmError(
      'SDM_RACK_QEMU',
      `QEMU's answer to query-sdm-memory is not as expected at "${error?.instancePath}": ` +
        `${error?.message}; it was built of other patches than this program knows`,
    );
  }
  return answer.find(({ device }) => device === SDM_DEVICE);
}
