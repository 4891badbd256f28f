import { toJson } from '../../../common/json.js';
import { problemsOf } from '../../observe/health.js';
import { Brick } from '../brick-schema.js';
import { answers } from '../../../common/server/answers.js';
import type { App } from '../../../common/server/app.js';
import type { ApiContext } from '../context.js';
import { ref } from '../../../common/server/forms.js';
import { Health, Memory } from '../schemas.js';

export function brickRoutes(app: App, { agent, brick, probe }: ApiContext): void {
  app.get(
    '/v1/brick',
    {
      schema: {
        tags: ['brick'],
        summary: 'What this brick has and what it lacks',
        response: answers({ 200: ref(Brick) }),
      },
    },
    () => probe(),
  );

  app.get(
    '/v1/memory',
    {
      schema: {
        tags: ['memory'],
        summary: 'Nodes, memory blocks, module and shares',
        response: answers({ 200: ref(Memory) }),
      },
    },
    async () => toJson(await agent.memory()),
  );

  app.get(
    '/healthz',
    {
      schema: {
        tags: ['brick'],
        summary: 'Does the agent answer, and what should somebody look at',
        response: answers({ 200: ref(Health) }),
      },
    },
    () => ({ status: 'ok' as const, brick, pid: process.pid, problems: problemsOf(agent) }),
  );
}
