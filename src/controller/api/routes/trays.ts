import { answers } from '../../../common/server/answers.js';
import { checkOwnName } from '../../../common/server/access.js';
import type { App } from '../../../common/server/app.js';
import { ref } from '../../../common/server/forms.js';
import { shown, type ApiContext } from '../context.js';
import { READ, REGISTER } from '../roles.js';
import { TrayParams } from '../schemas/common.js';
import { Accepted, TrayBody, TrayEventsBody, Trays, TrayView } from '../schemas/rack.js';

const tags = ['trays'];
/** A tray of many bricks tells of each. */
const BODY_LIMIT = 1024 * 1024;

export function trayRoutes(app: App, { core }: ApiContext): void {
  app.get(
    '/v1/trays',
    {
      config: { allow: READ },
      schema: { tags, summary: 'List trays', response: answers({ 200: Trays }) },
    },
    () => shown({ trays: core.trays() }),
  );

  app.post(
    '/v1/trays',
    {
      bodyLimit: BODY_LIMIT,
      config: { allow: REGISTER },
      schema: {
        tags,
        summary: 'Register a tray, or the switches of a rack',
        description: 'Sent by sdm-dbmc when it starts, and again when it is not known any more.',
        body: TrayBody,
        response: answers({ 200: ref(TrayView) }),
      },
    },
    async (request) => {
      const { body, identity } = request;
      checkOwnName(identity, 'dbmc', body.id);
      return shown(await core.registerTray(body, identity));
    },
  );

  app.post(
    '/v1/trays/:id/events',
    {
      bodyLimit: BODY_LIMIT,
      config: { allow: REGISTER },
      schema: {
        tags,
        summary: 'Tell what changed in a tray',
        params: TrayParams,
        body: TrayEventsBody,
        response: answers({ 200: Accepted }),
      },
    },
    (request) => {
      const { params, body, identity } = request;
      checkOwnName(identity, 'dbmc', params.id);
      for (const event of body.events) core.trayEvent(params.id, event, identity);
      return { accepted: body.events.length };
    },
  );
}
