import { createLog } from '../common/log.js';
import { closeWith, drainThenClose, untilSignal } from '../common/server/closing.js';
import { listenOn, type Listening } from '../common/server/listen.js';
import { authOf } from '../common/server/listen-config.js';
import { socketGroupId } from '../common/server/socket.js';
import { Watchdog } from '../common/server/watchdog.js';
import { native } from '../native/index.js';
import { Agent } from './agent.js';
import { createServer, type Server } from './api/server.js';
import type { ServeConfig } from './config.js';
import { LINK_POLL_MS, OFFLINE_MS } from './defaults.js';
import { faultsFromEnvironment } from './faults.js';
import { openJournal } from './journal/index.js';
import { Observation } from './observe/index.js';
import { LinkMonitor } from './observe/link-monitor.js';
import { statusLine } from './observe/status-line.js';
import { probeThroughAgent } from './probe/collect.js';

/** Beyond the offlining that a running detach may still need: scrub, flush and answers. */
const STOP_MARGIN_MS = 30_000;
/** Whoever waited for the agent is answered first. */
const PREPARE_MS = 200;

/**
 * Serves until SIGTERM or SIGINT. The running command is finished, those that wait are refused; what
 * is attached stays attached. A second signal ends at once.
 * @returns the exit code: 0, or 1 if the deadline for stopping passed.
 * @throws SdmError for a configuration, a socket, a journal or a register block that cannot be used.
 */
export async function serve(config: ServeConfig): Promise<number> {
  const log = createLog('sdm-agent', config.log);
  const faults = faultsFromEnvironment();
  const gid = config.socketGroup === null ? null : await socketGroupId(config.socketGroup);
  const observation = new Observation();
  const journal = await openJournal(config.stateDir, { log: log.child({ part: 'journal' }) });
  const agent = await Agent.open(config, {
    log: log.child({ part: 'core' }),
    native,
    journal,
    observer: observation,
    faults,
  }).catch(async (error: unknown) => {
    await journal.close();
    throw error;
  });
  const watchdog = new Watchdog({
    native,
    log,
    overdue: () => agent.overdue(),
    status: () => statusLine(agent),
  });
  // Looks before the agent reconciles, so that no change after that is missed.
  const links = new LinkMonitor(agent, observation, log.child({ part: 'links' }));
  let server: Server | undefined;
  const listening: Listening[] = [];
  watchdog.starting();
  try {
    server = await createServer(
      {
        brick: config.brick,
        agent,
        observation,
        probe: () => Promise.resolve(probeThroughAgent(agent, config)),
        addresses: config.addresses,
      },
      log.child({ part: 'api' }),
      {},
      authOf(config.listen),
    );
    // With the registers locked: whoever loses that race must not touch the winner's socket.
    const { socket, listen } = config;
    listening.push(await listenOn(server, { kind: 'unix', path: socket }, { log, native, gid }));
    if (listen) listening.push(await listenOn(server, listen.address, { log, native }));
    await agent.reconcile();
    links.start(config.linkPollMs ?? LINK_POLL_MS);
  } catch (error) {
    watchdog.stop();
    await (server === undefined ? agent.close() : closeWith(server, () => agent.close()));
    release(listening);
    throw error;
  }

  const stopped = untilSignal();
  watchdog.ready();
  const { socket, brick } = config;
  const address = listening[1]?.address;
  log.info({ brick, socket, address }, 'ready');
  const ready = { event: 'ready', brick, socket, address, pid: process.pid };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  setTimeout(() => void server?.prepare(), PREPARE_MS).unref();

  const signal = await stopped;
  const deadlineMs = (config.offlineTimeoutMs ?? OFFLINE_MS) + STOP_MARGIN_MS;
  watchdog.stopping(deadlineMs + STOP_MARGIN_MS);
  log.info({ signal }, 'stopping: the running command is finished first');
  links.stop();
  const code = await drainThenClose(server, () => agent.close(), deadlineMs, log);
  release(listening);
  return code;
}

function release(listening: readonly Listening[]): void {
  for (const each of listening) each.release();
}
