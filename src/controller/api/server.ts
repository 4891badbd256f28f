import type { Logger } from '../../common/log.js';
import { createApi, type Api } from '../../common/server/api.js';
import type { AuthOptions } from '../../common/server/access.js';
import type { Limits } from '../../common/server/limits.js';
import type { OpenTransport } from '../synthesizer/transport.js';
import type { ControllerCore } from '../types.js';
import type { ApiContext } from './context.js';
import { Idempotency } from './idempotency.js';
import { apiCounts, controllerMetrics } from './metrics.js';
import { COMPONENTS } from './components.js';
import { OPERATE, READ } from './roles.js';
import { brickRoutes } from './routes/bricks.js';
import { d44Routes } from './routes/d44.js';
import { memoryRoutes } from './routes/memory.js';
import { planRoutes } from './routes/plans.js';
import { platformRoutes } from './routes/platforms.js';
import { serviceRoutes } from './routes/service.js';
import { topologyRoutes } from './routes/topology.js';
import { trayRoutes } from './routes/trays.js';
import { EVENT_ID } from './schemas/events.js';

export interface ControllerApiOptions {
  readonly core: ControllerCore;
  /** The way to an agent, for commands that are passed on as they are. */
  readonly open: OpenTransport;
  readonly log: Logger;
  readonly limits?: Partial<Limits>;
  readonly auth?: Pick<AuthOptions, 'pki' | 'tokens'>;
}

/** The controller's HTTP API, not yet listening: `listenOn` has it listen. */
export async function createControllerApi(options: ControllerApiOptions): Promise<Api> {
  const { core, open, log, limits, auth } = options;
  const counts = apiCounts();
  const idempotency = new Idempotency(core, log);
  const refused: ApiContext['refused'] = (code) => counts.refusals.add(code);
  const context: ApiContext = { core, idempotency, open, refused };
  return createApi({
    log,
    ...(limits === undefined ? {} : { limits }),
    auth: { ...auth, read: READ, command: OPERATE },
    openapi: {
      title: 'sdm-controller',
      description: 'Remote memory of a rack. Addresses and sizes are "0x…" strings of bytes.',
      components: COMPONENTS,
      tag: 'controller',
    },
    events: { log: core.events, schema: EVENT_ID },
    metrics: controllerMetrics(core, counts),
    bodiesOfGet: true,
    refused,
    routes: (app) => {
      app.addHook('onReady', async () => idempotency.start());
      app.addHook('onClose', async () => idempotency.stop());
      platformRoutes(app, context);
      planRoutes(app, context);
      brickRoutes(app, context);
      topologyRoutes(app, context);
      trayRoutes(app, context);
      serviceRoutes(app, context);
      d44Routes(app, context);
      memoryRoutes(app, context);
    },
  });
}
