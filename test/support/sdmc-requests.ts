import { hex, OFFSET_SIGN, STATUS } from '../../src/abi/codec.js';
import { STAGING, STAGING_WORDS, type RegisterBlock } from '../../src/native/index.js';
import type { Request } from '../abi/model.js';

/** What a refusal is called by a write to `set`; docs/sdmc.md has the same table. */
export const ERRNO: ReadonlyMap<number, string> = new Map<number, string>([
  [STATUS.ACTIVE, 'ok'],
  [STATUS.RANGE, 'ERANGE'],
  [STATUS.WINDOW, 'EFAULT'],
  [STATUS.OVERLAP, 'EEXIST'],
  [STATUS.REMOTE, 'EADDRNOTAVAIL'],
  [STATUS.ALIGNMENT, 'EDOM'],
  [STATUS.LINK, 'ENOLINK'],
]);

/** A request as a line for sdmctool, its numbers in one of the forms that the driver takes. */
export function asLine({ port, start, end, offset, outId, inId }: Request, n: number): string {
  const form = n % 2 === 0 ? hex : String;
  const signed = (offset & OFFSET_SIGN) !== 0n && n % 3 === 0;
  const written = signed ? `-${form(offset & ~OFFSET_SIGN)}` : form(offset);
  return [port, form(start), form(end), written, form(outId), form(inId)].join(' ');
}

/** What the addon makes of the same requests, each cleared and set. */
export function statuses(block: RegisterBlock, requests: readonly Request[]): number[] {
  return requests.map(({ port, start, end, offset, outId, inId }) => {
    for (const [i, set] of [0n, 1n].entries()) {
      const words = [BigInt(port), start, end, offset, outId, inId, set, 0n];
      block.staging.set(words, i * STAGING_WORDS);
    }
    block.program(2);
    return Number(block.staging[STAGING_WORDS + STAGING.STATUS]);
  });
}
