import type { BrickInfo, BrickType, Firmware, PcieDevice, Sensor } from './types.js';

/** What an emulated board answers where a real one measures. Nothing of it is random, so that tests and
 * people see what changes and why. */
const IDLE_WATTS: Record<BrickType, number> = { compute: 12.5, memory: 8, accelerator: 18 };
const STANDBY_WATTS = 0.4;
const BOARD_WATTS = 6;
const AMBIENT_CELSIUS = 24;
const CELSIUS_PER_WATT = 0.25;
const FANS = 4;
const WARM_CELSIUS = 70;
const HOT_CELSIUS = 85;

export function wattsOf({ type, plugged, on }: BrickInfo): number {
  if (!plugged) return 0;
  return on ? IDLE_WATTS[type] : STANDBY_WATTS;
}

export function boardWatts(bricks: readonly BrickInfo[]): number {
  return bricks.reduce((sum, brick) => sum + wattsOf(brick), BOARD_WATTS);
}

/** @param celsius in the place of what comes of the bricks' power. */
export function sensorsOf(bricks: readonly BrickInfo[], celsius?: number): Sensor[] {
  const watts = boardWatts(bricks);
  const board = celsius ?? AMBIENT_CELSIUS + watts * CELSIUS_PER_WATT;
  const state = board >= HOT_CELSIUS ? 'critical' : board >= WARM_CELSIUS ? 'warning' : 'ok';
  const rpm = Math.round(Math.min(12_000, 1800 + board * 60));
  return [
    { name: 'board', kind: 'temperature', value: rounded(board), unit: 'celsius', state },
    { name: 'inlet', kind: 'temperature', value: AMBIENT_CELSIUS, unit: 'celsius', state: 'ok' },
    { name: 'input', kind: 'power', value: rounded(watts), unit: 'watt', state: 'ok' },
    { name: 'rail-12v', kind: 'voltage', value: 12, unit: 'volt', state: 'ok' },
    ...Array.from({ length: FANS }, (_, i): Sensor => {
      return { name: `fan-${i}`, kind: 'fan', value: rpm, unit: 'rpm', state: 'ok' };
    }),
  ];
}

export function pcieOf({ type, transceivers, plugged }: BrickInfo): PcieDevice[] {
  if (!plugged) return [];
  const glue = { vendor: '1af4', device: '1110' };
  return [
    { address: '0000:00:02.0', ...glue, description: `glue logic, ${transceivers} transceivers` },
    ...(type === 'accelerator'
      ? [
          {
            address: '0000:00:05.0',
            vendor: '10ee',
            device: '9038',
            description: 'accelerator slot',
          },
        ]
      : []),
  ];
}

export function firmwareOf(version: string): Firmware[] {
  return [
    { component: 'dbmc', version },
    { component: 'board', version: 'emulated-1' },
  ];
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
