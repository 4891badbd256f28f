import { createLog } from '../common/log.js';
import type { Api } from '../common/server/api.js';
import { closeWith, drainThenClose, untilSignal } from '../common/server/closing.js';
import { listenOn, type Listening } from '../common/server/listen.js';
import { native } from '../native/index.js';
import { EmulatedBoard } from './board/emulated.js';
import type { DbmcConfig } from './config.js';
import { faultsFromEnvironment } from './faults.js';
import { askController } from './controller-client.js';
import { Registrar } from './register.js';
import { createDbmcServer } from './server.js';

/** For commands that run: each is a file that is written and a few links that are set. */
const STOP_MS = 10_000;
/** Whoever waited for the daemon is answered first. */
const PREPARE_MS = 200;

/**
 * Serves a tray until SIGTERM or SIGINT; what is connected stays connected. A second signal ends at once.
 * @returns the exit code: 0, or 1 if the deadline for stopping passed or the board's state cannot be kept.
 * @throws SdmError for a configuration, an address or a state that cannot be used.
 */
export async function serve(config: DbmcConfig): Promise<number> {
  const log = createLog('sdm-dbmc', config.log);
  const faults = faultsFromEnvironment();
  const board = new EmulatedBoard({ ...config, log: log.child({ part: 'board' }), faults });
  const { id, role, rack, box } = config;
  let registrar: Registrar | undefined;
  let api: Api | undefined;
  let listening: Listening;
  try {
    api = await createDbmcServer({
      tray: { board, id, rack, box },
      role,
      controller: () =>
        config.controller === undefined
          ? null
          : {
              address: config.controller,
              registered: registrar?.registered === true,
              ...(registrar?.error !== undefined && { error: registrar.error }),
            },
      log: log.child({ part: 'api' }),
      pki: config.pki,
      tokens: config.tokens,
    });
    listening = await listenOn(api, config.listen, { log, native });
  } catch (error) {
    await (api === undefined ? board.close() : closeWith(api, () => board.close()));
    throw error;
  }
  const { address } = listening;
  const client =
    config.controller === undefined
      ? undefined
      : await askController(config.controller, config.pki);
  if (client !== undefined) {
    const run = (process.hrtime.bigint() & 0xffff_ffffn).toString(16).padStart(8, '0');
    registrar = new Registrar({ ask: client.ask, id, role, rack, box, address, run, board, log });
  }
  const stopped = untilSignal();
  log.info({ tray: id, address }, 'ready');
  process.stdout.write(
    `${JSON.stringify({ event: 'ready', tray: id, role, address, pid: process.pid })}\n`,
  );
  const served = api;
  setTimeout(() => void served.prepare(), PREPARE_MS).unref();

  const why = await Promise.race([stopped, board.failed]);
  if (why instanceof Error) {
    log.error({ err: why }, 'what is connected cannot be kept');
    process.exit(1);
  }
  log.info({ signal: why }, 'stopping');
  const code = await drainThenClose(
    api,
    async () => {
      await registrar?.close();
      client?.close();
      await board.close();
    },
    STOP_MS,
    log,
  );
  listening.release();
  return code;
}
