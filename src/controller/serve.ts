import { join } from 'node:path';
import { createLog, type Logger } from '../common/log.js';
import type { Api } from '../common/server/api.js';
import { closeWith, drainThenClose, untilSignal } from '../common/server/closing.js';
import { listenOn, type Listening } from '../common/server/listen.js';
import { socketGroupId } from '../common/server/socket.js';
import { Watchdog } from '../common/server/watchdog.js';
import { native } from '../native/index.js';
import { createControllerApi } from './api/server.js';
import type { ServeConfig } from './config.js';
import { Controller } from './controller.js';
import { faultsFromEnvironment } from './faults.js';
import { readTopology } from './inventory/topology-file.js';
import { openStore } from './store/index.js';
import { DATABASE } from './store/place.js';

/** Beyond the longest step that a command may be in: answers, and the last commit. */
const STOP_MARGIN_MS = 30_000;
/** Whoever waited for the controller is answered first. */
const PREPARE_MS = 200;

/**
 * Serves until SIGTERM or SIGINT. Commands that run are finished, those that wait are refused; what is
 * reserved stays reserved. A second signal ends at once.
 * @returns the exit code: 0, or 1 if the deadline for stopping passed. A store that fails ends the process
 * by SIGKILL.
 * @throws SdmError for a configuration, a topology, a store or an address that cannot be used.
 */
export async function serve(config: ServeConfig): Promise<number> {
  const log = createLog('sdm-controller', config.log);
  const faults = faultsFromEnvironment();
  const gid = config.socketGroup === undefined ? null : await socketGroupId(config.socketGroup);
  // before the term is raised: no agent would obey
  if (config.pki !== undefined) {
    (await import('../common/tls.js')).checkOwn(config.pki, 'controller', config.name);
  }
  // its thread opens the database while this one reads
  const opening = openStore({
    path: join(config.store, DATABASE),
    log: log.child({ part: 'store' }),
  });
  opening.catch(() => {}); // told below
  const topology = await readTopology(config.topology).catch(async (error: unknown) => {
    await opening.then((opened) => opened.close());
    throw error;
  });
  const store = await opening;
  void endWith(store.failed, log);
  const { name, pki, tokens, timeouts, atOnce, reconcile, policy, pathUtil } = config;
  const controller = await Controller.open({
    ...{ name, topology, store, timeouts, atOnce, reconcile, pki, faults },
    defaults: { policy, pathUtil },
    log: log.child({ part: 'core' }),
  }).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  void endWith(controller.replaced, log);
  const watchdog = new Watchdog({
    native,
    log,
    overdue: () => controller.overdue(),
    status: () => statusLine(controller),
  });
  watchdog.starting();
  let api: Api | undefined;
  const listening: Listening[] = [];
  try {
    api = await createControllerApi({
      ...{ core: controller, open: controller.open, log: log.child({ part: 'api' }) },
      auth: { ...(pki === undefined ? {} : { pki }), ...(tokens === undefined ? {} : { tokens }) },
    });
    for (const address of config.listen) {
      listening.push(await listenOn(api, address, { log, native, gid }));
    }
    await controller.reconciled;
  } catch (error) {
    watchdog.stop();
    const work = (): Promise<void> => controller.close();
    await (api === undefined ? work() : closeWith(api, work));
    for (const each of listening) each.release();
    throw error;
  }
  const stopped = untilSignal();
  watchdog.ready();
  const listen = listening.map(({ address }) => address);
  const epoch = `0x${controller.epoch.toString(16)}`;
  log.info({ controller: name, listen, epoch }, 'ready');
  process.stdout.write(
    `${JSON.stringify({ event: 'ready', controller: name, listen, epoch, pid: process.pid })}\n`,
  );
  const served = api;
  setTimeout(() => void served.prepare(), PREPARE_MS).unref();

  const signal = await stopped;
  const deadlineMs = Math.max(...Object.values(timeouts)) + STOP_MARGIN_MS;
  watchdog.stopping(deadlineMs + STOP_MARGIN_MS);
  log.info({ signal }, 'stopping: what runs is finished first');
  const code = await drainThenClose(api, () => controller.close(), deadlineMs, log);
  for (const each of listening) each.release();
  return code;
}

/** Without its store there is nothing that could be answered: the next process reads it again. */
async function endWith(failed: Promise<Error>, log: Logger): Promise<void> {
  const error = await failed;
  log.error(
    { err: error },
    `nothing can be stored any more, so the controller ends: ${error.message}`,
  );
  // exit() would wait for the store's thread, which may hang with its disk
  process.kill(process.pid, 'SIGKILL');
}

function statusLine(controller: Controller): string {
  const { platforms, segmentsFree, segments } = controller.totals();
  const problems = controller.problems().length;
  const free = `${segmentsFree} of ${segments} segments free`;
  return `${platforms} platforms, ${free}${problems === 0 ? '' : `, ${problems} problems`}`;
}
