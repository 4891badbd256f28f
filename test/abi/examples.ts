import { encodeOffset, OFFSET_SIGN, remoteOf } from '../../src/abi/offset.js';
import { blockLength, toBuffer, type BlockImage } from '../../src/abi/frame.js';
import type { BlockHeader, MemportRegisters } from '../../src/abi/parser.js';
import { PROFILES, type ProfileName } from '../../src/abi/profiles.js';
import {
  ANSWER,
  CALL,
  MEMPORT_BASE,
  MEMPORT_STRIDE,
  REG,
  REPLY,
  REQUEST,
  STATUS,
} from '../../src/abi/constants.js';

export const EMPTY: MemportRegisters = {
  start: 0n,
  end: 0n,
  offset: 0n,
  remote: 0n,
  outId: 0n,
  inId: 0n,
  set: false,
  status: STATUS.INACTIVE,
  faults: 0n,
};

/** A memport with `remote` derived from its registers, as the parser gives it. */
export function memport(fields: Partial<Omit<MemportRegisters, 'remote'>>): MemportRegisters {
  const all = { ...EMPTY, ...fields };
  return { ...all, remote: remoteOf(all.start, all.offset) };
}

/** What a freshly formatted block of a profile says; `size` where the profile leaves it open. */
export function formatted(name: ProfileName, size: bigint): BlockHeader {
  const profile = PROFILES[name];
  return {
    version: 1,
    features: profile.features,
    nports: profile.nports,
    windowBase: profile.windowBase,
    windowSize: profile.windowSize ?? size,
    remoteSize: profile.remoteSize ?? size,
    granule: profile.granule,
    epoch: 0n,
    ntransceivers: profile.ntransceivers,
    linkStatus: (1n << BigInt(profile.ntransceivers)) - 1n,
    linkReset: 0n,
    linkDowns: Array.from({ length: profile.ntransceivers }, () => 0n),
  };
}

/** The segments that D4.4 §3.3.1 prints, sorted by address. */
export const D44_SEGMENTS = [
  { startA: 17179869184n, endA: 17448304639n, offset: 17179869184n },
  { startA: 17448304640n, endA: 17716740095n, offset: 16911433729n },
  { startA: 17716740096n, endA: 17985175551n, offset: 16642998274n },
  { startA: 17985175552n, endA: 18253611007n, offset: 16374562819n },
] as const;
export const D44_NET = 188440n;

function d44(index: 0 | 1, fields: Partial<MemportRegisters>): MemportRegisters {
  const { startA: start, endA: end, offset } = D44_SEGMENTS[index];
  return memport({ start, end, offset, outId: D44_NET, inId: D44_NET, ...fields });
}

export const D44_ACTIVE = d44(0, { set: true, status: STATUS.ACTIVE });
export const D44_REFUSED = d44(1, { status: STATUS.ALIGNMENT });

const BAR = 0x80_0000_0000n;
export const IDENTITY = memport({
  start: BAR + 0x800_0000n,
  end: BAR + 0x4800_0000n - 1n,
  offset: encodeOffset(BAR, 0n),
  outId: 1n,
  inId: 1n,
  set: true,
  status: STATUS.ACTIVE,
});
if (IDENTITY.offset !== (OFFSET_SIGN | BAR)) throw new Error('identity is sign | WINDOW_BASE');

/** Lines as `hexdump -C` prints them, from byte `from` up to `to`; equal lines become one `*`. */
export function hexdump(bytes: Uint8Array, from: number, to: number): string {
  const lines: string[] = [];
  let last = '';
  for (let at = from; at < to; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const cells = [...row].map((byte) => byte.toString(16).padStart(2, '0'));
    const text = [...row].map((b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : '.'));
    const body = `${cells.slice(0, 8).join(' ')}  ${cells.slice(8).join(' ')}  |${text.join('')}|`;
    if (body !== last) lines.push(`${at.toString(16).padStart(8, '0')}  ${body}`);
    else if (lines.at(-1) !== '*') lines.push('*');
    last = body;
  }
  return lines.join('\n');
}

function image(header: BlockHeader, memports: MemportRegisters[]): BlockImage {
  const rest = Array.from({ length: header.nports - memports.length }, () => EMPTY);
  return { header, memports: [...memports, ...rest] };
}

/** The four dumps of docs/memport-abi.md, by what they show. */
export function documentedDumps(): Record<'header' | 'active' | 'refused' | 'identity', string> {
  const zynq = formatted('zynq', 0n);
  const d44Block = toBuffer(image(zynq, [D44_ACTIVE, D44_REFUSED]), blockLength(zynq.nports));
  const generic = formatted('generic', 4n << 30n);
  const genericBlock = toBuffer(image(generic, [IDENTITY]), blockLength(generic.nports));
  const port = (n: number): number => MEMPORT_BASE + n * MEMPORT_STRIDE;
  return {
    header: hexdump(toBuffer(image(zynq, []), blockLength(zynq.nports)), 0, 0x60),
    active: hexdump(d44Block, port(0), port(1)),
    refused: hexdump(d44Block, port(1), port(2)),
    identity: hexdump(genericBlock, port(0), port(1)),
  };
}

type Register = keyof typeof REG;

/** The five dumps of docs/mailbox.md, by what they show: one conversation. */
export function mailboxDumps(): Record<
  'asking' | 'granted' | 'called' | 'replied' | 'removed',
  string
> {
  const bytes = Buffer.alloc(MEMPORT_BASE);
  const put = (registers: Partial<Record<Register, bigint | number>>): void => {
    for (const [name, value] of Object.entries(registers)) {
      bytes.writeBigUInt64LE(BigInt(value), REG[name as Register]);
    }
  };
  const show = (from: number, to: number): string => hexdump(bytes, from, to);
  const request = (): string => show(REG.REQUEST_SEQ, REG.REQUEST_TIMEOUT + 8);
  const call = (): string => show(REG.CALL_SEQ, REG.REPLY_CODE + 8);
  const cookie = 0x5dc0_0001;

  put({ REQUEST_GRANULE: 256 << 20, REQUEST_TIMEOUT: 30_000 });
  put({ REQUEST_COMMAND: REQUEST.ADD, REQUEST_COOKIE: cookie, REQUEST_ARGUMENT: 1 << 30 });
  const asking = request();
  put({ REQUEST_SEQ: 1, ANSWER_CODE: ANSWER.OK, ANSWER_COOKIE: cookie, ANSWER_DISTANCE: 40 });
  put({ ANSWER_START: BAR + (63n << 30n), ANSWER_SIZE: 1 << 30, ANSWER_SEQ: 1 });
  const granted = request();
  put({ CALL_COMMAND: CALL.RECLAIM, CALL_COOKIE: cookie, CALL_TIMEOUT: 10_000, CALL_SEQ: 1 });
  const called = call();
  put({ REPLY_CODE: REPLY.ACCEPTED, REPLY_SEQ: 1, CALL_COMMAND: 0 });
  const replied = call();
  put({ REQUEST_COMMAND: REQUEST.REMOVE, REQUEST_SEQ: 2, ANSWER_DISTANCE: 0, ANSWER_SEQ: 2 });
  return { asking, granted, called, replied, removed: request() };
}
