import type { FastifyRequest, preValidationHookHandler } from 'fastify';
import type { TObject } from 'typebox';
import { callerOf, CallerHeaders } from '../../agent/api/caller.js';
import { HOLD } from '../../agent/queue.js';
import type { Terms } from '../../agent/terms.js';
import { answers } from '../../common/server/answers.js';
import type { App } from '../../common/server/app.js';
import { ROUTES, type Tray } from './table.js';

/** Those who may change something: also where they do it with GET. */
const COMMANDERS = ['operator', 'controller'] as const;

/**
 * The document's routes, each with GET (query, or a JSON body) and POST.
 * @param terms lets commands in: whoever names no controller, and the one with the highest epoch.
 */
export function d44Routes(app: App, tray: Tray, terms: Terms): void {
  for (const { path, summary, commands, args, answer, run } of ROUTES) {
    const schema = {
      tags: [path.split('/')[2] ?? ''],
      summary,
      response: answers({ 200: answer }),
      ...(commands && { headers: CallerHeaders }),
    };
    const answerTo = async (request: FastifyRequest, given: unknown): Promise<never> => {
      if (!commands) return (await run(tray, given as never)) as never;
      const caller = callerOf(request.headers as CallerHeaders, request.identity, true);
      // asked last, and held until it is done: a higher epoch begins when nothing of this one goes on
      const ended = await terms.admit(caller, HOLD);
      try {
        return (await run(tray, given as never)) as never;
      } finally {
        ended();
      }
    };
    const config = commands ? { allow: [...COMMANDERS] } : {};
    const rest = { config, preValidation: readText(args) };
    // whoever asks with HEAD wants to see, not to switch
    const reads = { ...rest, exposeHeadRoute: false };
    app.get(path, { ...reads, schema: { ...schema, querystring: args } }, async (request, reply) =>
      reply.send(await answerTo(request, request.query)),
    );
    app.post(path, { ...rest, schema: { ...schema, body: args } }, async (request, reply) =>
      reply.send(await answerTo(request, request.body)),
    );
  }
}

/** Clients that there are send numbers as text, and some the ports as a list: both say the same. */
function readText(args: TObject): preValidationHookHandler {
  const numbers = Object.entries(args.properties)
    .filter(([, schema]) => (schema as { type?: unknown }).type === 'integer')
    .map(([name]) => name);
  return (request, _reply, done) => {
    for (const given of [request.body, request.query]) {
      if (typeof given !== 'object' || given === null) continue;
      const values = given as Record<string, unknown>;
      for (const name of numbers) {
        const value = values[name];
        if (typeof value === 'string' && /^\d{1,9}$/.test(value)) values[name] = Number(value);
      }
      if (Array.isArray(values['ports'])) values['ports'] = JSON.stringify(values['ports']);
      if (typeof values['switchId'] === 'number') values['switchId'] = String(values['switchId']);
    }
    done();
  };
}
