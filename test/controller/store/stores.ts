import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore, type Store, type StoreOptions } from '../../../src/controller/store/index.js';

export const SILENT = { info() {}, warn() {}, error() {} };

/** A place for a store, and what opens it. */
export interface Place {
  /** Opens it, or opens it again. */
  open(options?: Partial<StoreOptions>): Promise<Store>;
  remove(): void;
}

/** How a place of each kind is made. Add yours: contract.test.ts and model.test.ts go through it. */
export const FACTORIES: Record<string, () => Place> = {
  sqlite() {
    const dir = mkdtempSync(join(tmpdir(), 'sdm-store-'));
    return {
      open: (options = {}) => openStore({ path: join(dir, 'store.db'), log: SILENT, ...options }),
      remove: () => rmSync(dir, { recursive: true }),
    };
  },
};

export const kinds = Object.entries(FACTORIES).map(([kind, make]) => ({ kind, make }));

/** The first changes that a watch gives; ends it. */
export async function take<T>(from: AsyncIterable<T>, count: number): Promise<T[]> {
  const found: T[] = [];
  for await (const each of from) {
    found.push(each);
    if (found.length === count) break;
  }
  return found;
}
