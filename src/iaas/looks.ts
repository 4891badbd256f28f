import { readFileSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { fromBuffer } from '../abi/codec.js';
import type { HttpClient } from '../common/http-client.js';
import type { Site, SiteLender } from './site.js';

const CHUNK = 4 << 20;
const CALL_MS = 30_000;

/** Bytes that the memports of a register file map. */
export function mappedBytes(registers: string): bigint {
  const { memports } = fromBuffer(readFileSync(registers));
  return memports
    .filter(({ set }) => set)
    .reduce((sum, { start, end }) => sum + end - start + 1n, 0n);
}

/** Writes a pattern to what memports of a register file lead to, as programs of the brick would. */
export async function useMemory(pool: string, registers: string, pattern: number): Promise<bigint> {
  const { memports } = fromBuffer(readFileSync(registers));
  const file = await open(pool, 'r+');
  let written = 0n;
  try {
    for (const port of memports.filter(({ set }) => set)) {
      // both ends: where a range were wrong by a little, that would be somebody else's
      const page = Buffer.alloc(4096, pattern);
      const remote = port.remote ?? 0n;
      const size = port.end - port.start + 1n;
      await file.write(page, 0, page.length, Number(remote));
      await file.write(page, 0, page.length, Number(remote + size - BigInt(page.length)));
      written += 2n * BigInt(page.length);
    }
  } finally {
    await file.close();
  }
  return written;
}

/** Where of the pool not all is zero: the first offset; undefined: nowhere. What was never written is not read. */
export async function firstByte(
  pool: string,
  { start, size }: SiteLender,
): Promise<bigint | undefined> {
  const zeros = Buffer.alloc(CHUNK);
  const buffer = Buffer.alloc(CHUNK);
  const file = await open(pool, 'r');
  try {
    if (statSync(pool).blocks === 0) return undefined; // a file of holes alone
    for (let at = start; at < start + size; at += BigInt(CHUNK)) {
      const length = Math.min(CHUNK, Number(start + size - at));
      const { bytesRead } = await file.read(buffer, 0, length, Number(at));
      const read = buffer.subarray(0, bytesRead);
      if (!read.equals(zeros.subarray(0, bytesRead))) {
        return at + BigInt(read.findIndex((byte) => byte !== 0));
      }
    }
    return undefined;
  } finally {
    await file.close();
  }
}

/** What must be at the end as it was at the start: all that the controller says of the rack. */
export async function storeView(client: HttpClient): Promise<object> {
  const ask = (path: string): Promise<unknown> => client.call('GET', path, { timeoutMs: CALL_MS });
  const [platforms, totals, switches] = await Promise.all([
    ask('/v1/platforms'),
    ask('/v1/totals'),
    ask('/v1/switches'),
  ]);
  return { platforms, totals, switches };
}

/** Pairs of ports that trays have connected. */
export async function connections(site: Site): Promise<number> {
  const { HttpClient } = await import('../common/http-client.js');
  let count = 0;
  for (const address of trayAddresses(site)) {
    const client = new HttpClient(address);
    try {
      const board = (await client.call('GET', '/v1/board', { timeoutMs: CALL_MS })) as {
        readonly switches: readonly { readonly connections: readonly unknown[] }[];
      };
      for (const each of board.switches) count += each.connections.length;
    } finally {
      client.close();
    }
  }
  return count;
}

function trayAddresses({ topology }: Site): string[] {
  const found = topology.racks.flatMap((rack) => [
    rack.dbmc,
    ...rack.boxes.flatMap((box) => box.trays.map((tray) => tray.dbmc)),
  ]);
  return found.filter((address) => address !== undefined);
}
