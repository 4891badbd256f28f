/** Clients that command at random, rightly and wrongly, and remember what they were told. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { expect } from 'vitest';
import type { Attachment, Memport } from '../../src/agent/api/schemas.js';
import { ERRORS } from '../../src/common/errors.js';
import type { OpenApiChecker } from '../support/openapi.js';
import { WireClient, type RawRequest } from './wire.js';

const UNIT = 2n << 20n;
const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** mulberry32: a run can be had again by its seed. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Requests that must be refused, each with the code. */
const WRONG: readonly [RawRequest, string][] = [
  [{ method: 'POST', path: '/v1/attachments', text: '{"size": ' }, 'SDM_INPUT'],
  [{ method: 'POST', path: '/v1/attachments', text: '[[[[]]]]' }, 'SDM_INPUT'],
  [{ method: 'POST', path: '/v1/attachments', text: '{"size":4096}' }, 'SDM_INPUT'],
  [
    { method: 'POST', path: '/v1/attachments', text: '{"size":"0x1","mode":"device"}' },
    'SDM_INPUT',
  ],
  [{ method: 'POST', path: '/v1/attachments', text: '{"size":"0x200000"}' }, 'SDM_MODE'],
  [
    { method: 'POST', path: '/v1/attachments', text: '{}', headers: { 'content-type': 'a/b' } },
    'SDM_MEDIA_TYPE',
  ],
  [{ method: 'POST', path: '/v1/attachments', text: `"${'x'.repeat(70_000)}"` }, 'SDM_TOO_LARGE'],
  [{ method: 'PUT', path: '/v1/memports/0', text: '{"start":"0x0"}' }, 'SDM_INPUT'],
  [{ method: 'PUT', path: '/v1/memports/4711', text: '{}' }, 'SDM_INPUT'],
  [{ method: 'DELETE', path: '/v1/attachments/nobody-has-this' }, 'SDM_NOT_FOUND'],
  [{ method: 'DELETE', path: '/v1/attachments/%zz' }, 'SDM_INPUT'],
  [{ method: 'POST', path: '/v1/transceivers/15/reset' }, 'SDM_INPUT'],
  [{ method: 'POST', path: '/RemoteMemory', text: "{'action': 'Add'" }, 'SDM_INPUT'],
  [{ method: 'GET', path: '/v2/attachments' }, 'SDM_NOT_FOUND'],
  [{ method: 'PATCH', path: '/v1/attachments', text: '{}' }, 'SDM_NOT_FOUND'],
  [{ method: 'GET', path: `/${'a/'.repeat(2_000)}` }, 'SDM_NOT_FOUND'],
  [{ method: 'GET', path: '/v1/events?after=yesterday' }, 'SDM_INPUT'],
  [{ method: 'DELETE', path: '/v1/memports/9', headers: { 'sdm-epoch': '7' } }, 'SDM_INPUT'],
];

const QUESTIONS = ['attachments', 'memports', 'brick', 'memory', 'transceivers', 'memports/7']
  .map((name) => `/v1/${name}`)
  .concat('/healthz', '/metrics', '/v1/events?follow=false');

export interface Surroundings {
  readonly socket: string;
  readonly pool: string;
  readonly checker: OpenApiChecker;
  readonly random: (below: number) => number;
  /** Answers by code; "ok" for a success. */
  readonly counts: Map<string, number>;
}

/** What an agent acknowledged to one client; nobody else commands it. */
export class RandomClient {
  readonly attached = new Map<string, Attachment>();
  /** Of this client alone; only some have one. */
  readonly memport: number | undefined;
  set: Memport | undefined;
  readonly #around: Surroundings;
  readonly #name: string;
  readonly #wire: WireClient;
  #made = 0;

  constructor(number: number, memport: number | undefined, around: Surroundings) {
    this.#name = `c${number}`;
    this.memport = memport;
    this.#around = around;
    this.#wire = new WireClient(around.socket, number % 2 === 0);
  }

  close(): void {
    this.#wire.close();
  }

  async command(): Promise<void> {
    const { random } = this.#around;
    const dice = random(100);
    if (dice < 45) return this.attached.size < 2 ? this.#attach() : this.#detach();
    if (dice < 55) return this.#common();
    if (dice < 62) return this.#byHand();
    if (dice < 68) return this.#d44();
    if (dice < 72) return this.#controller();
    if (dice < 85) return void (await this.#ask({ method: 'GET', path: pick(random, QUESTIONS) }));
    const [request, code] = pick(random, WRONG);
    const { body } = await this.#ask(request);
    expect(body).toMatchObject({ code });
  }

  /** Asks, holds the answer against the document, and counts it. */
  async #ask(request: RawRequest): Promise<{ status: number; body: unknown }> {
    const { checker, counts } = this.#around;
    const { method, path } = request;
    const { status, type, text } = await this.#wire.ask(request);
    const json = type === 'application/json';
    const body: unknown = json ? JSON.parse(text) : text;
    if (status >= 400) checkRefusal(status, body);
    else if (type !== 'text/event-stream') checker.check(method, path, status, body, type);
    const code = status < 300 ? 'ok' : (body as { code: string }).code;
    counts.set(code, (counts.get(code) ?? 0) + 1);
    return { status, body };
  }

  #post(body: object, headers: Record<string, string> = {}) {
    const text = JSON.stringify(body);
    return this.#ask({ method: 'POST', path: '/v1/attachments', text, headers });
  }

  async #attach(): Promise<void> {
    const id = `${this.#name}-${this.#made}`;
    const size = hex(UNIT * BigInt(1 + this.#around.random(2)));
    const { status, body } = await this.#post({ id, mode: 'device', size });
    this.#made += 1;
    if (status !== 201) {
      // a refusal has changed nothing
      const { status: after } = await this.#ask({ method: 'GET', path: `/v1/attachments/${id}` });
      expect(after).toBe(404);
      return;
    }
    const attachment = body as Attachment;
    expect(attachment).toMatchObject({ id, size, state: 'present' });
    this.attached.set(id, attachment);
    this.#use(attachment);
  }

  /** Leaves something in it, for the scrub to take away. */
  #use({ device }: Attachment): void {
    const file = openSync(device!.path, 'r+');
    const from = Number(device!.offset);
    for (const at of [from, from + Number(device!.size) - this.#name.length]) {
      writeSync(file, this.#name, at);
    }
    closeSync(file);
  }

  async #detach(): Promise<void> {
    const id = [...this.attached.keys()][this.#around.random(Math.max(this.attached.size, 1))];
    if (id === undefined) return;
    const { status, body } = await this.#ask({
      method: 'DELETE',
      path: `/v1/attachments/${id}?override=true`,
    });
    expect({ id, status, body }).toMatchObject({ id, status: 200, body: { state: 'free' } });
    this.attached.delete(id);
  }

  /** An id that all clients share. */
  async #common(): Promise<void> {
    const { random } = this.#around;
    const id = `common-${random(4)}`;
    if (random(2) === 0) await this.#post({ id, mode: 'device', size: hex(UNIT) });
    else await this.#ask({ method: 'DELETE', path: `/v1/attachments/${id}` });
  }

  async #byHand(): Promise<void> {
    const { random } = this.#around;
    if (this.memport === undefined) {
      await this.#ask({ method: 'GET', path: `/v1/memports/${random(64)}` });
      return;
    }
    const path = `/v1/memports/${this.memport}`;
    if (this.set !== undefined) {
      expect((await this.#ask({ method: 'DELETE', path })).status).toBe(200);
      this.set = undefined;
      return;
    }
    const start = hex(UNIT * BigInt(1 + random(250)));
    const text = JSON.stringify({ start, remote: start, size: hex(UNIT) });
    const { status, body } = await this.#ask({ method: 'PUT', path, text });
    if (status === 200) this.set = body as Memport;
  }

  /** Segments that all clients share. */
  async #d44(): Promise<void> {
    const { random } = this.#around;
    const start = UNIT * BigInt(200 + random(4));
    const segment = {
      startA: start.toString(16),
      endA: (start + UNIT - 1n).toString(16),
      offset: '0',
      net: 0,
    };
    const text = JSON.stringify({ action: pick(random, ['Add', 'Remove']), segments: [segment] });
    await this.#ask({ method: 'POST', path: '/RemoteMemory', text });
  }

  /** A controller's term comes and goes; what it attached is this client's to remember. */
  async #controller(): Promise<void> {
    const { random } = this.#around;
    const id = `${this.#name}-k${this.#made}`;
    this.#made += 1;
    const headers = { 'sdm-controller': `rack-${random(2)}`, 'sdm-epoch': String(random(1_000)) };
    const { status, body } = await this.#post({ id, mode: 'device', size: hex(UNIT) }, headers);
    if (status === 201) this.attached.set(id, body as Attachment);
  }
}

function pick<T>(random: (below: number) => number, from: readonly T[]): T {
  return from[random(from.length)]!;
}

/** Every answer that is no success has the one form, also where no route is. */
export function checkRefusal(status: number, body: unknown): void {
  const { code, message, ...rest } = body as { code: string; message: string };
  expect(ERRORS).toHaveProperty(code);
  expect(code).not.toBe('SDM_INTERNAL');
  expect(ERRORS[code as keyof typeof ERRORS].status).toBe(status);
  expect(message.length).toBeGreaterThan(10);
  expect(Object.keys(rest).filter((key) => key !== 'details')).toEqual([]);
}
