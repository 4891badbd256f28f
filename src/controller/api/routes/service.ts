import { hex } from '../../../common/units.js';
import { answers } from '../../../common/server/answers.js';
import type { App } from '../../../common/server/app.js';
import { ref } from '../../../common/server/forms.js';
import { shown, type ApiContext } from '../context.js';
import { ADMINISTER, OPERATE, READ } from '../roles.js';
import { BackedUp, BackupBody, Health, Kept, LeaseParams } from '../schemas/rack.js';

/** The controller itself: leases, its store, whether it is well. */
export function serviceRoutes(app: App, { core }: ApiContext): void {
  app.post(
    '/v1/leases/:id/keepalive',
    {
      config: { allow: OPERATE },
      schema: {
        tags: ['platforms'],
        summary: 'Keep a lease, and with it its platform',
        params: LeaseParams,
        response: answers({ 200: Kept }),
      },
    },
    async (request) => {
      const { id } = request.params;
      await core.keepLeaseAlive(id);
      return { id, kept: true as const };
    },
  );

  app.post(
    '/v1/backup',
    {
      config: { allow: ADMINISTER },
      schema: {
        tags: ['controller'],
        summary: 'Copy the store, while it is used',
        body: BackupBody,
        response: answers({ 200: BackedUp }),
      },
    },
    async (request) => {
      const { path } = request.body;
      await core.backup(path);
      return { path };
    },
  );

  app.get(
    '/healthz',
    {
      config: { allow: READ },
      schema: {
        tags: ['controller'],
        summary: 'Does the controller answer, and what should somebody look at',
        response: answers({ 200: ref(Health) }),
      },
    },
    () =>
      shown({
        status: 'ok',
        controller: core.name,
        epoch: hex(core.epoch),
        pid: process.pid,
        problems: core.problems(),
      }),
  );
}
