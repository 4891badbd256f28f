import type { preValidationHookHandler } from 'fastify';
import type { TObject } from 'typebox';
import { answers } from '../../common/server/answers.js';
import type { App } from '../../common/server/app.js';
import { ROUTES, type Tray } from './table.js';

/** Those who may change something: also where they do it with GET. */
const COMMANDERS = ['operator', 'controller'] as const;

/** The document's routes, each with GET (query, or a JSON body) and POST. */
export function d44Routes(app: App, tray: Tray): void {
  for (const { path, summary, commands, args, answer, run } of ROUTES) {
    const schema = {
      tags: [path.split('/')[2] ?? ''],
      summary,
      response: answers({ 200: answer }),
    };
    const config = commands ? { allow: [...COMMANDERS] } : {};
    const rest = { config, preValidation: readText(args) };
    // whoever asks with HEAD wants to see, not to switch
    const reads = { ...rest, exposeHeadRoute: false };
    app.get(path, { ...reads, schema: { ...schema, querystring: args } }, async (request, reply) =>
      reply.send((await run(tray, request.query as never)) as never),
    );
    app.post(path, { ...rest, schema: { ...schema, body: args } }, async (request, reply) =>
      reply.send((await run(tray, request.body as never)) as never),
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
