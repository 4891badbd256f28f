import { transceiverOf } from '../abi/codec.js';
import type { Reconciler } from './attachments/reconcile.js';
import type { StageContext } from './attachments/stages.js';
import type { AttachmentTable } from './attachments/table.js';
import type { RegisterBackend } from './backend/types.js';
import type { ManualMemports } from './manual.js';
import { messageOf } from './memory/errors.js';
import type { Memports } from './memports.js';
import type { Log } from './types.js';

export interface RestorerOptions {
  readonly backend: RegisterBackend;
  readonly table: AttachmentTable;
  readonly memports: Memports;
  readonly manual: ManualMemports;
  readonly reconciler: Reconciler;
  readonly log: Log;
  /** Runs a command of the agent's own. */
  readonly run: (
    name: string,
    keys: readonly string[],
    task: (context: StageContext) => Promise<void>,
  ) => Promise<void>;
}

/** Tries again what a boot took away and a link that was down kept from being restored. */
export class Restorer {
  readonly #options: RestorerOptions;

  constructor(options: RestorerOptions) {
    this.#options = options;
  }

  /** Resolves when all that goes over that link has been tried; never rejects. */
  async linkUp(transceiver: number): Promise<void> {
    const { backend, table, memports, manual, reconciler } = this.#options;
    const over = (outId: bigint): boolean => transceiverOf(outId, backend.info) === transceiver;
    const attachments = table
      .records()
      .filter(({ waits, outId }) => waits === 'restore' && over(outId))
      .map((record) =>
        this.#try(`restore of ${record.id}`, record.id, async (context) => {
          if (table.find(record.id) !== record || record.waits !== 'restore') return;
          await reconciler.restore(context, record);
        }),
      );
    const ports = [...memports.held]
      .filter(([, { spec, waits }]) => waits === 'restore' && over(spec.outId ?? 0n))
      .map(([port]) =>
        this.#try(`restore of memport ${port}`, `memport ${port}`, (context) =>
          manual.restore(context, port),
        ),
      );
    await Promise.all([...attachments, ...ports]);
  }

  async #try(
    name: string,
    key: string,
    task: (context: StageContext) => Promise<void>,
  ): Promise<void> {
    try {
      await this.#options.run(name, [key], task);
    } catch (error) {
      this.#options.log.warn({ err: error }, `${name}: ${messageOf(error)}`);
    }
  }
}
