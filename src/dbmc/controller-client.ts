import type { Ask } from './register.js';

/**
 * The way to the controller.
 * @param pki directory of this tray's certificate, for https.
 */
export async function askController(
  address: string,
  pki: string | undefined,
): Promise<{ readonly ask: Ask; close(): void }> {
  const { HttpClient } = await import('../common/http-client.js');
  const client = new HttpClient(
    address,
    pki === undefined ? {} : { pki, expect: { role: 'controller' } },
  );
  return {
    ask: (path, body, timeoutMs) => client.call('POST', path, { body, timeoutMs }),
    close: () => client.close(),
  };
}
