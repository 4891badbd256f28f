import { isAbsolute } from 'node:path';
import { SdmError, type ErrorCode } from './errors.js';

/** Where a daemon listens. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'http' | 'https'; readonly host: string; readonly port: number };

/** The kernel's limit for the path of a Unix socket, bytes without the closing zero. */
export const SOCKET_PATH_MAX = 107;

const EXPECTED =
  '"unix:/path", "https://host:port", or "http://127.0.0.1:port" for this machine only';
const LOOPBACK = /^(127\.(\d{1,3}\.){2}\d{1,3}|localhost|\[::1\])$/;
const HOST = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])$/;

export interface AddressErrors {
  /** What the error calls it, such as "listen.address". */
  readonly key?: string;
  readonly code?: ErrorCode;
}

/**
 * Reads an address as people write it.
 * @throws SdmError SDM_INPUT (or `code`) naming what was expected; also for plain HTTP that would leave
 * this machine.
 */
export function parseAddress(
  text: string,
  { key = 'address', code = 'SDM_INPUT' }: AddressErrors = {},
): Address {
  const refuse = (expected: string): SdmError =>
    new SdmError(
      code,
      `${key}: expected ${expected}, found ${JSON.stringify(text.slice(0, 200))}`,
      {
        details: { key, expected, found: text },
      },
    );
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (!isAbsolute(path) || path.includes('\0') || path.endsWith('/')) throw refuse(EXPECTED);
    if (Buffer.byteLength(path) > SOCKET_PATH_MAX) {
      throw refuse(`a path of at most ${SOCKET_PATH_MAX} bytes after "unix:"`);
    }
    return { kind: 'unix', path };
  }
  const found = /^(https?):\/\/(\[[^\]/]*\]|[^:/[\]]+):(\d{1,5})\/?$/.exec(text);
  const [, kind, host = '', digits] = found ?? [];
  const port = Number(digits);
  if (found === null || !HOST.test(host) || port > 65_535) throw refuse(EXPECTED);
  if (kind === 'http' && !isLoopback(host)) {
    throw refuse(
      'https for what is not on this machine: http goes to 127.0.0.1, [::1] or localhost only',
    );
  }
  return { kind: kind as 'http' | 'https', host: host.replace(/^\[|\]$/g, ''), port };
}

/** Whether a host, as it stands in an address, is this machine. */
export function isLoopback(host: string): boolean {
  return (
    LOOPBACK.test(host) &&
    host.split('.').every((part) => !/^\d+$/.test(part) || Number(part) < 256)
  );
}

/** The text that {@link parseAddress} reads. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const { kind, host, port } = address;
  return `${kind}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
