import { SdmError } from '../../common/errors.js';
import { whereOf } from '../../common/json-text.js';
import type { App } from '../../common/server/app.js';

const FORM = 'application/x-www-form-urlencoded';

/**
 * Reads bodies as D4.4's clients send them: JSON whatever the content type says, since theirs name
 * none, or a form. An empty body is none.
 */
export function readAnyBodies(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (request, body, done) => {
    try {
      const text = String(body);
      const isForm = request.headers['content-type']?.startsWith(FORM) === true;
      // curl calls all that it is given a form
      done(null, isForm && !text.trimStart().startsWith('{') ? readForm(text) : readJson(text));
    } catch (error) {
      done(error as Error);
    }
  });
}

function readJson(text: string): unknown {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { message } = cause as Error;
    throw new SdmError('SDM_INPUT', `the body is not JSON: ${message}${whereOf(text, message)}`, {
      cause,
    });
  }
}

/** @throws SDM_INPUT: a name that stands twice. */
function readForm(text: string): unknown {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (values.has(name)) {
      const shown = JSON.stringify(name.slice(0, 60));
      throw new SdmError('SDM_INPUT', `the form names ${shown} twice: leave one out`);
    }
    values.set(name, value);
  }
  return Object.fromEntries(values);
}
