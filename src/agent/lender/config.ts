import { SOCKET_PATH_MAX } from '../../common/address.js';
import { SdmError } from '../../common/errors.js';
import type { LogLevel } from '../../common/log.js';
import { explainOne, isMisspelt, type Explanation } from '../../common/schema-errors.js';
import { listenFaults, type ListenConfig } from '../../common/server/listen-config.js';
import { faultText } from '../config.js';
import { DEFAULT_SOCKET, DEFAULT_STATE_DIR, QUEUE_MS } from '../defaults.js';
import {
  DEFAULT_SEGMENT_SIZE,
  SCRUB_MS,
  SCRUB_PARALLEL,
  type LenderConfigFile,
} from './config-schema.js';
import { validatorOf } from './config-validator.js';
import type { Geometry } from './runs.js';

export type { LenderConfigFile } from './config-schema.js';

/** Whole pages of every machine. */
const SEGMENT_MIN = 1n << 16n;
const SEGMENTS_MAX = 1n << 20n;

/** What a lender serves on, with defaults filled in. */
export interface LenderConfig extends Geometry {
  readonly brick: string;
  readonly pool: { readonly path: string };
  readonly socket: string;
  readonly socketGroup: string | null;
  readonly listen: ListenConfig | undefined;
  readonly stateDir: string;
  readonly scrub: { readonly parallel: number; readonly timeoutMs: number };
  readonly queueTimeoutMs: number;
  readonly log: LogLevel;
}

/** Whether a configuration is a lender's. */
export function isLenderConfig(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'role' in value && value.role === 'memory';
}

/** All that is wrong with a value as the configuration of a lender. */
export function lenderFaultsOf(value: unknown): readonly Explanation[] {
  const validate = validatorOf('config');
  const errors = validate(value) ? [] : (validate.errors ?? []);
  if (errors.length > 0) {
    // A key that is misspelt is missing, too: the slip is what helps.
    return [...errors.filter(isMisspelt), ...errors.filter((each) => !isMisspelt(each))].map(
      explainOne,
    );
  }
  return [...crossFaults(value as LenderConfigFile)];
}

function* crossFaults(raw: LenderConfigFile): Generator<Explanation> {
  const { base, size, segmentSize, socket, listen } = raw;
  const segment = segmentSize === undefined ? DEFAULT_SEGMENT_SIZE : BigInt(segmentSize);
  if (segment < SEGMENT_MIN || (segment & (segment - 1n)) !== 0n) {
    const expected = 'a power of two, 0x10000 or more';
    yield { key: 'segmentSize', expected, found: segmentSize };
    return;
  }
  const bytes = BigInt(size);
  if (bytes === 0n || bytes % segment !== 0n || bytes / segment > SEGMENTS_MAX) {
    const expected = `1 to ${SEGMENTS_MAX} whole segments of 0x${segment.toString(16)} bytes`;
    yield { key: 'size', expected, found: size };
  }
  if (BigInt(base) % SEGMENT_MIN !== 0n) {
    yield { key: 'base', expected: 'a multiple of 0x10000', found: base };
  } else if (BigInt(base) + bytes > 1n << 63n) {
    yield { key: 'base', expected: 'a part that ends within 63 bits', found: base };
  }
  if (Buffer.byteLength(socket ?? '') > SOCKET_PATH_MAX) {
    const expected = `a path of at most ${SOCKET_PATH_MAX} bytes`;
    yield { key: 'socket', expected, found: socket };
  }
  if (listen !== undefined) yield* listenFaults('listen', listen);
}

/**
 * Checks a configuration that is already an object.
 * @param file what errors call it.
 * @throws SdmError SDM_CONFIG, naming file, key, what was expected and what was found; of several
 * faults the first, with all of them in `details.faults`.
 */
export function parseLenderConfig(
  value: unknown,
  file: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): LenderConfig {
  const faults = lenderFaultsOf(value).map((fault) => ({ ...fault, found: fault.found ?? null }));
  if (faults[0] !== undefined) {
    const more = faults.length === 1 ? '' : ` (and ${faults.length - 1} more)`;
    throw new SdmError('SDM_CONFIG', `${faultText(file, faults[0])}${more}`, {
      details: { file, ...faults[0], faults },
    });
  }
  const raw = value as LenderConfigFile;
  const { parallel = SCRUB_PARALLEL, timeoutMs = SCRUB_MS } = raw.scrub ?? {};
  // systemd gives a list where a unit names several: ours is the first
  const given = env['STATE_DIRECTORY']?.split(':')[0];
  return {
    brick: raw.brick,
    pool: raw.pool,
    base: BigInt(raw.base),
    size: BigInt(raw.size),
    segmentSize: raw.segmentSize === undefined ? DEFAULT_SEGMENT_SIZE : BigInt(raw.segmentSize),
    socket: raw.socket ?? DEFAULT_SOCKET,
    socketGroup: raw.socketGroup ?? null,
    listen: raw.listen,
    stateDir: raw.stateDir ?? (given || DEFAULT_STATE_DIR),
    scrub: { parallel, timeoutMs },
    queueTimeoutMs: raw.queueTimeoutMs ?? QUEUE_MS,
    log: raw.log ?? 'info',
  };
}
