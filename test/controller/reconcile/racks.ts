import { join } from 'node:path';
import { HttpClient } from '../../../src/common/http-client.js';
import { waitFor } from '../../../src/common/wait.js';
import type {
  BrickView,
  DriftView,
  PlatformView,
  TotalsView,
} from '../../../src/controller/views.js';
import {
  makeControllerRack,
  SEGMENT,
  type ControllerRack,
  type ControllerRackOptions,
} from '../../support/controller-rack.js';

/** Quick looks, and quick to give up: what takes half a minute in use takes a second here. */
export const QUICK = {
  reconcile: {
    intervalMs: 150,
    lookMs: 2_000,
    lostAfterMs: 800,
    maxBackoffMs: 300,
    beginMs: 20_000,
  },
  timeouts: { callMs: 5_000, attachMs: 10_000, detachMs: 10_000, scrubMs: 10_000, retryMs: 200 },
  log: 'debug',
};

/** Longest wait for what the loop does within a second or two. */
export const WAIT = { timeoutMs: 20_000, intervalMs: 20 };

export const hex = (segments: number): string => `0x${(SEGMENT * BigInt(segments)).toString(16)}`;

/** A rack with everything running, whose controller looks often. */
export async function startRack(options: ControllerRackOptions = {}): Promise<ControllerRack> {
  const rack = await makeControllerRack({ config: QUICK, ...options });
  await rack.startBricks();
  await rack.startController();
  return rack;
}

/** What tests ask a controller. */
export class Asked {
  readonly rack: ControllerRack;

  constructor(rack: ControllerRack) {
    this.rack = rack;
  }

  /** On a connection of its own: one that is kept may be closed by the other side while tests wait. */
  async ask(
    address: string,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<unknown> {
    const client = new HttpClient(address, { timeoutMs: 60_000 });
    try {
      return await client.call(method, path, body === undefined ? {} : { body });
    } finally {
      client.close();
    }
  }

  askBrick(id: string, method: 'GET' | 'POST' | 'DELETE', path: string): Promise<unknown> {
    return this.ask(`unix:${join(this.rack.dir, `${id}.sock`)}`, method, path);
  }

  fence(id: string): Promise<unknown> {
    return this.ask(this.rack.address, 'POST', `/v1/bricks/${id}/fence`, {});
  }

  create(segments: number, more: object = {}): Promise<PlatformView> {
    const body = { cores: 1, localMemory: '0x100000', remoteMemory: hex(segments), ...more };
    return this.ask(this.rack.address, 'POST', '/v1/platforms', body) as Promise<PlatformView>;
  }

  platform(id: number): Promise<PlatformView> {
    return this.ask(this.rack.address, 'GET', `/v1/platforms/${id}`) as Promise<PlatformView>;
  }

  async platforms(): Promise<readonly PlatformView[]> {
    const answer = await this.ask(this.rack.address, 'GET', '/v1/platforms');
    return (answer as { platforms: PlatformView[] }).platforms;
  }

  release(id: number): Promise<unknown> {
    return this.ask(this.rack.address, 'DELETE', `/v1/platforms/${id}`);
  }

  brick(id: string): Promise<BrickView> {
    return this.ask(this.rack.address, 'GET', `/v1/bricks/${id}`) as Promise<BrickView>;
  }

  totals(): Promise<TotalsView> {
    return this.ask(this.rack.address, 'GET', '/v1/totals') as Promise<TotalsView>;
  }

  async drift(): Promise<DriftView['items']> {
    return ((await this.ask(this.rack.address, 'GET', '/v1/drift')) as DriftView).items;
  }

  /** At a brick, as the operator of the brick would. */
  async attachments(
    brick: string,
  ): Promise<readonly { id: string; owner: string; state: string }[]> {
    const answer = await this.askBrick(brick, 'GET', '/v1/attachments');
    return (answer as { attachments: { id: string; owner: string; state: string }[] }).attachments;
  }

  async grants(brick: string): Promise<readonly { id: string; owner: string }[]> {
    const answer = await this.askBrick(brick, 'GET', '/v1/grants');
    return (answer as { grants: { id: string; owner: string }[] }).grants;
  }

  async connections(): Promise<readonly (readonly [number, number])[]> {
    const path = '/api/switch/portsinfo?dRackId=0&dBoxId=0&switchId=dbesm-0-0';
    const answer = await this.askBrick('dbmc', 'GET', path);
    return (answer as { connections: [number, number][] }).connections;
  }

  until(what: string, look: () => Promise<boolean>): Promise<true> {
    return waitFor(what, async () => (await look()) || undefined, WAIT);
  }

  liveness(id: string, wanted: BrickView['liveness']): Promise<true> {
    return this.until(`brick ${id} to be ${wanted}`, async () => {
      return (await this.brick(id)).liveness === wanted;
    });
  }

  /** What is left of any platform, anywhere: none of it may be. */
  async left(): Promise<Record<string, unknown>> {
    const { rack } = this;
    const { segments, segmentsFree } = await this.totals();
    return {
      memports: [...rack.setMemports().values()].flat(),
      grants: (await Promise.all(rack.memories.map((id) => this.grants(id)))).flat(),
      attachments: (await Promise.all(rack.computes.map((id) => this.attachments(id)))).flat(),
      connections: await this.connections(),
      segmentsInUse: segments - segmentsFree,
      zero: rack.isZero(),
    };
  }
}

/** Of `left`. */
export const NOTHING = {
  ...{ memports: [], grants: [], attachments: [], connections: [] },
  ...{ segmentsInUse: 0, zero: true },
};
