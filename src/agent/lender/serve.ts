import { createLog, type Logger } from '../../common/log.js';
import { createApi, type Api } from '../../common/server/api.js';
import { closeWith, drainThenClose, untilSignal } from '../../common/server/closing.js';
import { listenOn, type Listening } from '../../common/server/listen.js';
import { authOf } from '../../common/server/listen-config.js';
import { socketGroupId } from '../../common/server/socket.js';
import { Watchdog } from '../../common/server/watchdog.js';
import { waitFor } from '../../common/wait.js';
import { native } from '../../native/index.js';
import { readBootId } from '../boot.js';
import type { Faults } from '../faults.js';
import { openJournalOf } from '../journal/index.js';
import { grantRoutes, lenderRoutes } from './api/routes.js';
import {
  Grant,
  LenderEventSchema,
  LenderHealth,
  LenderState,
  Scrubbed,
  ScrubProof,
} from './api/schemas.js';
import type { LenderConfig } from './config.js';
import { lenderFaults } from './faults.js';
import { lenderStatusLine } from './health.js';
import { LENDER } from './journal.js';
import { Lender } from './lender.js';
import { LenderObservation, lenderMetrics } from './observation.js';
import { openPool } from './pool.js';

/** The first scrub of a pool that is empty is over by then; a larger one goes on while it serves. */
const FIRST_SCRUB_MS = 10_000;
/** For commands that wait for the disk; scrubs are ended at once. */
const STOP_MS = 30_000;
/** Whoever waited for the lender is answered first. */
const PREPARE_MS = 200;

const DESCRIPTION = {
  title: 'sdm-agent in role memory',
  description:
    'What a memory brick lends. Addresses and sizes are "0x…" strings of bytes; addresses are remote ' +
    'ones: offsets in the pool.',
  components: [Grant, ScrubProof, Scrubbed, LenderState, LenderHealth, LenderEventSchema],
  tag: 'lender',
};

/**
 * Serves until SIGTERM or SIGINT. What is granted stays granted; scrubs that run begin anew with the
 * next lender. A second signal ends at once.
 * @returns the exit code: 0, or 1 if the deadline for stopping passed.
 * @throws SdmError for a configuration, a socket, a journal or a pool that cannot be used.
 */
export async function serveLender(config: LenderConfig): Promise<number> {
  const log = createLog('sdm-agent', config.log);
  const faults = lenderFaults();
  const gid = config.socketGroup === null ? null : await socketGroupId(config.socketGroup);
  const observation = new LenderObservation();
  const lender = await openLender(config, log, observation, faults);
  const watchdog = new Watchdog({
    native,
    log,
    overdue: () => lender.overdue(),
    status: () => lenderStatusLine(lender),
  });
  let api: Api | undefined;
  const listening: Listening[] = [];
  watchdog.starting();
  try {
    api = await createLenderApi(config, lender, observation, log.child({ part: 'api' }));
    const { socket, listen } = config;
    // With the pool locked: whoever loses that race must not touch the winner's socket.
    listening.push(await listenOn(api, { kind: 'unix', path: socket }, { log, native, gid }));
    if (listen) listening.push(await listenOn(api, listen.address, { log, native }));
    await firstScrub(lender, log);
  } catch (error) {
    watchdog.stop();
    await (api === undefined ? lender.close() : closeWith(api, () => lender.close()));
    for (const each of listening) each.release();
    throw error;
  }

  const stopped = untilSignal();
  watchdog.ready();
  const { socket, brick } = config;
  const address = listening[1]?.address;
  log.info({ brick, socket, address }, 'ready');
  const ready = { event: 'ready', role: 'memory', brick, socket, address, pid: process.pid };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  setTimeout(() => void api?.prepare(), PREPARE_MS).unref();

  const signal = await stopped;
  watchdog.stopping(2 * STOP_MS);
  log.info({ signal }, 'stopping: commands that run are finished first');
  const code = await drainThenClose(api, () => lender.close(), STOP_MS, log);
  for (const each of listening) each.release();
  return code;
}

async function openLender(
  config: LenderConfig,
  log: Logger,
  observer: LenderObservation,
  faults: Faults,
): Promise<Lender> {
  const pool = await openPool(native, config.pool.path, config, readBootId());
  try {
    const journal = await openJournalOf(LENDER, config.stateDir, {
      log: log.child({ part: 'journal' }),
    });
    try {
      const core = log.child({ part: 'core' });
      return await Lender.open({ ...config, pool, journal, observer, faults, log: core });
    } catch (error) {
      await journal.close();
      throw error;
    }
  } catch (error) {
    pool.close();
    throw error;
  }
}

function createLenderApi(
  config: LenderConfig,
  lender: Lender,
  observation: LenderObservation,
  log: Logger,
): Promise<Api> {
  return createApi({
    log,
    // many ranges
    limits: { bodyLimit: 1 << 20 },
    auth: { ...authOf(config.listen), command: ['controller'] },
    openapi: DESCRIPTION,
    events: { log: observation.events, schema: 'Event' },
    metrics: lenderMetrics(lender, observation),
    refused: (code) => observation.refused(code),
    routes: (app) => {
      lenderRoutes(app, lender);
      grantRoutes(app, lender);
    },
  });
}

/** Who waits for the lender to be ready finds an empty pool clean. */
async function firstScrub(lender: Lender, log: Logger): Promise<void> {
  const done = (): true | undefined => lender.scrubs === 0 || undefined;
  await waitFor('the first scrub', done, { timeoutMs: FIRST_SCRUB_MS, intervalMs: 5 }).catch(() => {
    log.info(
      { pending: lender.scrubs },
      'not all is clean yet: it is scrubbed while others are served',
    );
  });
}
