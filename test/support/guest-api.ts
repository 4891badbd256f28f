import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Brick } from '../../src/agent/api/brick-schema.js';
import type { Attachment, AttachBody, Memport, Transceiver } from '../../src/agent/api/schemas.js';
import { projectDir } from '../../src/common/paths.js';
import type { CpioEntry } from '../../src/rack/artifacts/index.js';
import type { Rack } from '../../src/rack/index.js';
import { GuestLines } from './guest-lines.js';

const PROGRAM = '/brick/tests/guest-api.mjs';

interface Answer {
  /** HTTP's; none if the agent could not be reached. */
  readonly status?: number;
  readonly body?: unknown;
  readonly failed?: string;
}

/** test/vm/guest-api.mjs for bricks. */
export function guestApiProgram(): CpioEntry {
  return { path: PROGRAM, data: readFileSync(join(projectDir(), 'test/vm/guest-api.mjs')) };
}

/**
 * The API of the agent of a brick, through one program that goes on running there: every start of Node,
 * as of each `sdm-agent`, takes an emulated brick seconds. It outlives the agent, and not the brick.
 */
export class GuestApi {
  readonly #lines: GuestLines;

  constructor(rack: Rack, n: number) {
    this.#lines = new GuestLines(rack, n, ['node', PROGRAM, 'serve']);
  }

  async request(method: string, path: string, body?: unknown): Promise<Answer> {
    return JSON.parse(await this.#lines.ask(JSON.stringify({ method, path, body }))) as Answer;
  }

  brick(): Promise<Brick> {
    return this.#look('brick');
  }

  attach(body: AttachBody): Promise<Attachment> {
    return this.#done('POST', '/v1/attachments', body);
  }

  detach(id: string): Promise<Attachment> {
    return this.#done('DELETE', `/v1/attachments/${id}`);
  }

  async attachments(): Promise<Attachment[]> {
    return (await this.#look<{ attachments: Attachment[] }>('attachments')).attachments;
  }

  async memports(): Promise<Memport[]> {
    return (await this.#look<{ memports: Memport[] }>('memports')).memports;
  }

  async transceivers(): Promise<Transceiver[]> {
    return (await this.#look<{ transceivers: Transceiver[] }>('transceivers')).transceivers;
  }

  /** Up or down, whatever a link became since the agent began. */
  async linkEvents(transceiver: number): Promise<(boolean | undefined)[]> {
    const events =
      await this.#look<{ kind: string; transceiver?: number; up?: boolean }[]>(
        'events?follow=false',
      );
    return events
      .filter((event) => event.kind === 'link' && event.transceiver === transceiver)
      .map(({ up }) => up);
  }

  /** @returns the program's exit code. */
  end(): Promise<number> {
    return this.#lines.end();
  }

  #look<T>(what: string): Promise<T> {
    return this.#done('GET', `/v1/${what}`);
  }

  async #done<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.request(method, path, body);
    const { status = 0 } = answer;
    expect(status >= 200 && status < 300, JSON.stringify({ method, path, body, answer })).toBe(
      true,
    );
    return answer.body as T;
  }
}
