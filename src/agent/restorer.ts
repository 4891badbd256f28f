import { isLinkUp, transceiverOf } from '../abi/codec.js';
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
  linkUp(transceiver: number): Promise<void> {
    return this.#restore((outId) => this.#over(outId) === transceiver);
  }

  /** The same for every link that is up by now, of what was refused because its link was down. */
  linksUp(): Promise<void> {
    const status = this.#options.backend.linkStatus();
    return this.#restore((outId, refused) => {
      const transceiver = this.#over(outId);
      if (transceiver === undefined || refused !== 'SDM_LINK_DOWN') return false;
      return isLinkUp(status, transceiver);
    });
  }

  #over(outId: bigint): number | undefined {
    return transceiverOf(outId, this.#options.backend.info);
  }

  async #restore(wanted: (outId: bigint, refused: string) => boolean): Promise<void> {
    const { table, memports, manual, reconciler } = this.#options;
    const attachments = table
      .records()
      .filter(({ waits, outId, error }) => waits === 'restore' && wanted(outId, error?.code ?? ''))
      .map((record) =>
        this.#try(`restore of ${record.id}`, record.id, async (context) => {
          if (table.find(record.id) !== record || record.waits !== 'restore') return;
          await reconciler.restore(context, record);
        }),
      );
    // why a memport was refused is not kept: it is tried whatever it was
    const ports = [...memports.held]
      .filter(
        ([, { spec, waits }]) => waits === 'restore' && wanted(spec.outId ?? 0n, 'SDM_LINK_DOWN'),
      )
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
