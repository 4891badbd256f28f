import { SdmError } from '../../common/errors.js';
import { whereOf } from '../../common/json-text.js';
import type { App } from './context.js';

/**
 * Reads bodies in place of fastify, which does not say where one ends to be JSON. What keys there may
 * be is for the schemas to say, `__proto__` included: JSON.parse makes a plain key of it.
 */
export function readJsonBodies(app: App): void {
  app.removeContentTypeParser(['application/json', 'text/plain']); // JSON is all we read
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseBody(String(body)));
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
