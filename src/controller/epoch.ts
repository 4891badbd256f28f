import { SdmError } from '../common/errors.js';
import type { Faults } from './faults.js';
import { EPOCH_KEY } from './platforms/keys.js';
import type { Store } from './store/types.js';

export interface Term {
  readonly epoch: bigint;
  /** Of the key: it is as long as nobody raises it again. */
  readonly revision: number;
}

/**
 * Begins a term: one above all before it, durable before anybody hears of it. Agents and lenders refuse
 * whoever comes with a lower one.
 * @throws SDM_STALE_EPOCH if another controller raises it at the same time.
 */
export async function raiseEpoch(store: Store, faults: Faults): Promise<Term> {
  const [before] = (await store.range(EPOCH_KEY)).filter(({ key }) => key === EPOCH_KEY);
  const epoch = before === undefined ? 1n : BigInt(JSON.parse(before.value) as string) + 1n;
  await faults.at('epoch.before');
  const done = await store.commit({
    compare: [{ key: EPOCH_KEY, revision: before?.revision ?? 0 }],
    put: [{ key: EPOCH_KEY, value: JSON.stringify(`0x${epoch.toString(16)}`) }],
  });
  await faults.at('epoch.after');
  if (done.ok) return { epoch, revision: done.revision };
  throw new SdmError(
    'SDM_STALE_EPOCH',
    'another controller works on this store: stop that one first',
  );
}
