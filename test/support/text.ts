import { stream } from '../../src/common/http.js';

/** The text of an answer that is no JSON. */
export async function fetchText(socketPath: string, path: string): Promise<string> {
  let text = '';
  for await (const piece of stream({ socketPath, path })) text += piece;
  return text;
}
