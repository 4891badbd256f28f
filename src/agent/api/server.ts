import { createApi, type Api } from '../../common/server/api.js';
import type { AuthOptions } from '../../common/server/access.js';
import type { Limits } from '../../common/server/limits.js';
import type { Logger } from '../../common/log.js';
import { agentMetrics } from '../observe/metrics.js';
import { Observation } from '../observe/index.js';
import { Brick } from './brick-schema.js';
import type { ApiContext } from './context.js';
import { Event } from './event-schema.js';
import { attachmentRoutes } from './routes/attachments.js';
import { brickRoutes } from './routes/brick.js';
import { memportRoutes } from './routes/memports.js';
import { remoteMemoryRoutes } from './routes/remote-memory.js';
import { transceiverRoutes } from './routes/transceivers.js';
import {
  Attachment,
  Health,
  Memory,
  Memport,
  ModuleView,
  NodeView,
  Transceiver,
} from './schemas.js';

export type { Limits } from '../../common/server/limits.js';
export type Server = Api;

const DESCRIPTION = {
  title: 'sdm-agent',
  description: 'Remote memory of one brick. Addresses and sizes are "0x…" strings of bytes.',
  components: [
    Attachment,
    Memport,
    Transceiver,
    NodeView,
    ModuleView,
    Memory,
    Health,
    Event,
    Brick,
  ],
  tag: 'brick',
};

/**
 * The agent's API, not yet listening.
 * @param auth for those who do not come by the Unix socket.
 */
export function createServer(
  context: ApiContext,
  log: Logger,
  limits: Partial<Limits> = {},
  auth?: AuthOptions,
): Promise<Server> {
  const { events, counts } = context.observation ?? new Observation();
  return createApi({
    log,
    limits,
    ...(auth && { auth }),
    openapi: DESCRIPTION,
    events: { log: events, schema: 'Event' },
    metrics: agentMetrics(context.agent, counts),
    refused: (code) => counts.refusals.add(code),
    routes: (app) => {
      attachmentRoutes(app, context);
      memportRoutes(app, context);
      transceiverRoutes(app, context);
      brickRoutes(app, context);
      remoteMemoryRoutes(app, context);
    },
  });
}
