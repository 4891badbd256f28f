import { SdmError } from '../../common/errors.js';

/** D4.4's key of a brick; `dBrickId` counts within the box. */
export interface BrickKey {
  readonly dRackId: number;
  readonly dBoxId: number;
  /** 0 to 15. */
  readonly dBrickId: number;
}

/** A brick as text: rack, box, brick, such as "0.2.9". */
export type BrickId = string;
/** A tray as text: rack, box, tray, such as "0.2.1". */
export type TrayId = string;

/** Of racks, boxes, trays and clusters. */
export const MAX_ID = 65_535;
export const MAX_BRICK = 15;

const NUMBER = '(?:0|[1-9][0-9]{0,4})';
export const BRICK_ID_PATTERN = `^${NUMBER}\\.${NUMBER}\\.(?:[0-9]|1[0-5])$`;
export const BRICK_ID_EXPECTED = 'rack.box.brick, the last from 0 to 15, such as "0.2.9"';
export const TRAY_ID_PATTERN = `^${NUMBER}\\.${NUMBER}\\.${NUMBER}$`;
export const TRAY_ID_EXPECTED = 'rack.box.tray, such as "0.2.1"';
export const SWITCH_ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$';
export const SWITCH_ID_EXPECTED =
  '1 to 63 letters, digits, ".", "_" or "-", the first a letter or a digit';

const BRICK_ID = new RegExp(BRICK_ID_PATTERN);
const TRAY_ID = new RegExp(TRAY_ID_PATTERN);

export function isBrickId(text: string): boolean {
  return BRICK_ID.test(text) && text.split('.').every((part) => Number(part) <= MAX_ID);
}

/**
 * Reads "0.2.9".
 * @param what what the text is, for the message.
 * @throws SdmError SDM_INPUT.
 */
export function parseBrickId(text: string, what = 'brick'): BrickKey {
  if (!isBrickId(text)) throw refuse(text, what, BRICK_ID_EXPECTED);
  const [dRackId = 0, dBoxId = 0, dBrickId = 0] = text.split('.').map(Number);
  return { dRackId, dBoxId, dBrickId };
}

export function formatBrickId({ dRackId, dBoxId, dBrickId }: BrickKey): BrickId {
  return `${dRackId}.${dBoxId}.${dBrickId}`;
}

export interface TrayKey {
  readonly rack: number;
  readonly box: number;
  readonly tray: number;
}

/** Reads "0.2.1". @throws SdmError SDM_INPUT. */
export function parseTrayId(text: string, what = 'tray'): TrayKey {
  const numbers = TRAY_ID.test(text) ? text.split('.').map(Number) : [];
  const [rack = 0, box = 0, tray = 0] = numbers;
  if (numbers.length === 0 || numbers.some((each) => each > MAX_ID)) {
    throw refuse(text, what, TRAY_ID_EXPECTED);
  }
  return { rack, box, tray };
}

export function formatTrayId({ rack, box, tray }: TrayKey): TrayId {
  return `${rack}.${box}.${tray}`;
}

/** In the order of racks, boxes and bricks: "0.2.9" before "0.10.1". For sort(). */
export function compareBrickIds(a: BrickId, b: BrickId): number {
  const [left, right] = [parseBrickId(a), parseBrickId(b)];
  return (
    left.dRackId - right.dRackId || left.dBoxId - right.dBoxId || left.dBrickId - right.dBrickId
  );
}

function refuse(text: string, what: string, expected: string): SdmError {
  return new SdmError('SDM_INPUT', `${what} is "${text}"; expected ${expected}`, {
    details: { value: text, expected },
  });
}
