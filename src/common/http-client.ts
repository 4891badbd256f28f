import { Agent, request as httpRequest } from 'node:http';
import { formatAddress, parseAddress, type Address } from './address.js';
import { SdmError } from './errors.js';
import {
  callWith,
  exchangeWith,
  streamWith,
  type Answer,
  type Question,
  type StreamQuestion,
  type Target,
} from './http-exchange.js';
import { unixTarget } from './http.js';

/** Who is to answer behind TLS. */
export interface Expected {
  readonly role: string;
  /** Default: anybody of that role. */
  readonly name?: string;
}

export interface ClientOptions {
  /** For https: a directory with ca.pem, and, unless a token is enough, cert.pem and key.pem. */
  readonly pki?: string;
  /** For https: who must answer. */
  readonly expect?: Expected;
  /** Bearer token. */
  readonly token?: string;
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Of a request that names none. Default 30 s. */
  readonly timeoutMs?: number;
  /** Connections at a time; more requests wait. Default 64. */
  readonly maxSockets?: number;
}

type Method = NonNullable<Question['method']>;
export type CallOptions = Omit<Question, 'method' | 'path'>;

const MAX_SOCKETS = 64;
/** Below what servers of ours keep an idle connection for (5 s). */
const IDLE_MS = 4_000;

/** Asks one daemon, at any address, over connections that are kept for the next request. */
export class HttpClient {
  /** As errors name it. */
  readonly address: string;
  readonly #where: Address;
  readonly #options: ClientOptions;
  readonly #headers: Readonly<Record<string, string>>;
  #agent: Agent | undefined;
  #target: Promise<Target> | undefined;

  /** @throws SdmError SDM_INPUT for an address that is none. */
  constructor(address: string | Address, options: ClientOptions = {}) {
    this.#where = typeof address === 'string' ? parseAddress(address) : address;
    this.address = formatAddress(this.#where);
    this.#options = options;
    const { headers, token } = options;
    this.#headers = { ...headers, ...(token && { authorization: `Bearer ${token}` }) };
  }

  /**
   * @returns the parsed body of a 2xx.
   * @throws SdmError the other side's own for any other status; SDM_UNREACHABLE, SDM_TIMEOUT, SDM_PEER
   *   (who answers is another one than was expected), SDM_PKI.
   */
  async call(method: Method, path: string, options: CallOptions = {}): Promise<unknown> {
    return callWith(await this.#connect(), this.#question(method, path, options));
  }

  /** Like {@link call}, but returns answers of any status. */
  async exchange(method: Method, path: string, options: CallOptions = {}): Promise<Answer> {
    return exchangeWith(await this.#connect(), this.#question(method, path, options));
  }

  /** The text of an answer that goes on, piece by piece, over a connection of its own. */
  async *stream(path: string, options: Omit<StreamQuestion, 'path'> = {}): AsyncGenerator<string> {
    const headers = { ...this.#headers, ...options.headers };
    yield* streamWith(await this.#connect(), { ...options, path, headers });
  }

  /** Ends the connections that are kept; requests that run fail. */
  close(): void {
    this.#agent?.destroy();
    this.#target = undefined;
  }

  #question(method: Method, path: string, options: CallOptions): Question {
    const headers = { ...this.#headers, ...options.headers };
    const { timeoutMs } = this.#options;
    return { ...(timeoutMs && { timeoutMs }), ...options, method, path, headers };
  }

  #connect(): Promise<Target> {
    const target = (this.#target ??= this.#makeTarget());
    // what could not be read may be there the next time
    target.catch(() => (this.#target = undefined));
    return target;
  }

  async #makeTarget(): Promise<Target> {
    const where = this.#where;
    const kept = {
      keepAlive: true,
      maxSockets: this.#options.maxSockets ?? MAX_SOCKETS,
      timeout: IDLE_MS,
    };
    if (where.kind === 'unix') {
      this.#agent = new Agent(kept);
      const target = unixTarget(where.path);
      return { ...target, options: { ...target.options, agent: this.#agent } };
    }
    const { host, port } = where;
    const unreachable = (asked: string, cause: unknown): SdmError =>
      notAnswering(where, asked, cause);
    if (where.kind === 'http') {
      this.#agent = new Agent(kept);
      return {
        place: this.address,
        request: httpRequest,
        options: { host, port, agent: this.#agent },
        unreachable,
      };
    }
    const { pki, expect } = this.#options;
    if (pki === undefined) {
      throw new SdmError(
        'SDM_PKI',
        `${this.address} needs the authority's certificate: name a directory that \`sdm pki issue\` made`,
        {
          details: { address: this.address },
        },
      );
    }
    const { tlsConnection } = await import('./http-tls.js');
    const { agent, request, options, distrust } = tlsConnection(pki, expect, kept);
    this.#agent = agent;
    return {
      place: this.address,
      request,
      options: { ...options, host, port, agent },
      unreachable,
      distrust: (socket) => distrust(this.address, socket),
    };
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there; start the daemon, or name another address',
  ENOTFOUND: 'there is no host of that name',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ECONNRESET: 'the connection was closed before the answer; see the log of the daemon',
  EPIPE: 'the connection was closed before the answer; see the log of the daemon',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what answers there does not speak TLS; is http meant?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what answers there does not speak TLS; is http meant?',
  EPROTO: 'what answers there does not speak TLS 1.3; is http meant?',
};
/** What node says of a certificate that it does not trust. */
const UNTRUSTED: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired; issue it another one with `sdm pki issue`',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; compare the clocks',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of another authority than ca.pem',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is of no authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of another authority than ca.pem',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is of another authority than ca.pem',
  CERT_SIGNATURE_FAILURE: 'its certificate is of another authority than ca.pem',
};

function notAnswering(where: Address, asked: string, cause: unknown): SdmError {
  const address = formatAddress(where);
  const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  const untrusted = UNTRUSTED[errno];
  // a server that waits for TLS ends what does not begin with it
  const scheme = where.kind === 'http' && errno === 'ECONNRESET' ? '; is https meant?' : '';
  const reason =
    untrusted ?? REASONS[errno] ?? (cause instanceof Error ? cause.message : String(cause));
  return new SdmError(
    untrusted === undefined ? 'SDM_UNREACHABLE' : 'SDM_PEER',
    `cannot do ${asked}: ${reason} (${errno})${scheme}`,
    {
      details: { address, errno },
      cause,
    },
  );
}
