export type Headers = Readonly<Record<string, string>>;

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers: Headers;
  readonly body?: unknown;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** The way to one daemon. */
export interface Transport {
  /** @returns the answer's body. @throws the other side's error, SDM_UNREACHABLE, SDM_TIMEOUT. */
  request(request: TransportRequest): Promise<unknown>;
  close(): void;
}

/** @param address "unix:/path", "http://127.0.0.1:8080", "https://host:port". */
export type OpenTransport = (address: string) => Transport;
