import type { preValidationHookHandler } from 'fastify';
import { SdmError } from '../errors.js';
import { whereOf } from '../json-text.js';
import type { App } from './app.js';

/**
 * Reads bodies in place of fastify, which does not say where one ends to be JSON. What keys there may
 * be is for the schemas to say, `__proto__` included: JSON.parse makes a plain key of it.
 */
export function readJsonBodies(app: App): void {
  app.removeContentTypeParser(['application/json', 'text/plain']); // JSON is all we read
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    try {
      // Clients send the header with every request, also where there is nothing to say.
      const nothing = body === '' && request.method === 'GET';
      done(null, nothing ? undefined : parseBody(String(body)));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** @throws SdmError SDM_INPUT, saying where it is no JSON. */
function parseBody(text: string): unknown {
  if (text === '') {
    throw new SdmError(
      'SDM_INPUT',
      'the content type says JSON but the body is empty; leave the header out or send {}',
    );
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { message } = cause as Error;
    throw new SdmError('SDM_INPUT', `the body is not JSON: ${message}${whereOf(text, message)}`, {
      cause,
    });
  }
}

/**
 * Lets GET have a body: a JSON object whose members count as if they stood in the query.
 * Before any route. A key in both is refused, since one of them would be ignored.
 */
export function mergeBodiesOfGet(app: App): void {
  app.addHttpMethod('GET', { hasBody: true, overrideExisting: true });
  app.addHook('onRoute', (route) => {
    if (route.method !== 'GET') return;
    route.preValidation = [mergeBody, ...[route.preValidation ?? []].flat()];
  });
}

const mergeBody: preValidationHookHandler = (request, _reply, done) => {
  let { body } = request;
  try {
    // where a scope reads bodies of any content type as text
    if (typeof body === 'string') body = body === '' ? undefined : parseBody(body);
  } catch (error) {
    return done(error as Error);
  }
  if (body === undefined || body === null) return done();
  if (typeof body !== 'object' || Array.isArray(body)) {
    return done(new SdmError('SDM_INPUT', 'body: expected a JSON object, or no body with GET'));
  }
  const query = request.query as Record<string, unknown>;
  const twice = Object.keys(body).find((key) => Object.hasOwn(query, key));
  if (twice !== undefined) {
    return done(
      new SdmError('SDM_INPUT', `"${twice}" stands in the query and in the body: leave one out`),
    );
  }
  request.query = { ...query, ...body };
  done();
};
