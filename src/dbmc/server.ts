import { Terms } from '../agent/terms.js';
import { createApi, type Api } from '../common/server/api.js';
import { EventLog } from '../common/server/event-log.js';
import type { Logger } from '../common/log.js';
import { d44Routes } from './api/d44.js';
import { BoardView, Health, ownRoutes, type OwnParts } from './api/own.js';
import type { BoardEvent } from './board/types.js';
import { Event } from './events.js';
import { dbmcMetrics } from './metrics.js';

export interface DbmcServerOptions extends OwnParts {
  readonly log: Logger;
  readonly pki?: string | undefined;
  readonly tokens?: string | undefined;
}

/** The API of a tray, not yet listening. @throws SDM_CONFIG for certificates or tokens that cannot be used. */
export function createDbmcServer(options: DbmcServerOptions): Promise<Api> {
  const { tray, log, pki, tokens, controller } = options;
  const events = new EventLog<BoardEvent>();
  tray.board.subscribe((event) => events.append(event));
  const { board } = tray;
  const terms = new Terms({
    ...{ log, backend: { writeEpoch() {} }, observer: { event() {} }, faults: { at() {} } },
    journal: {
      record: ({ epoch, controller: name }) => board.keepTerm({ epoch, controller: name }),
      state: () => ({ epoch: board.term }),
    },
  });
  terms.load();
  return createApi({
    log,
    auth: { ...(pki !== undefined && { pki }), ...(tokens !== undefined && { tokens }) },
    openapi: {
      title: 'sdm-dbmc',
      description: 'A tray, or the switches of a rack: D4.4’s routes, and our own below /v1.',
      components: [BoardView, Health, Event],
      tag: 'board',
    },
    events: { log: events, schema: 'DbmcEvent' },
    metrics: dbmcMetrics(tray.board, () => controller()?.registered === true),
    bodiesOfGet: true,
    routes: (app) => {
      ownRoutes(app, options);
      d44Routes(app, tray, terms);
    },
  });
}
