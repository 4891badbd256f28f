import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SdmError } from '../common/errors.js';
import { HttpClient } from '../common/http-client.js';
import { createLog } from '../common/log.js';
import { waitFor } from '../common/wait.js';
import { openStore } from '../controller/store/index.js';
import { connections, firstByte, mappedBytes, storeView, useMemory } from './looks.js';
import { Random } from './random.js';
import { makeSite, type Site } from './site.js';

export interface IaasOptions {
  readonly seed: number;
  /** Default 16 and 16, as the document has them. */
  readonly platforms?: number;
  readonly agents?: number;
  readonly onProgress?: (detail: string) => void;
  readonly signal?: AbortSignal;
}

/** What one platform was and how long each of its commands took, ms. */
export interface PlatformRow {
  readonly id: number;
  readonly brick: string;
  readonly cores: number;
  /** MiB, as asked. */
  readonly memory: number;
  readonly grown: number;
  readonly freed: number;
  readonly pathUtil: number;
  readonly ms: { create: number; grow: number; shrink: number; release: number };
}

export interface IaasResult {
  readonly seed: number;
  readonly rows: readonly PlatformRow[];
  /** What was seen at the end, in words. */
  readonly checks: readonly string[];
}

/** For a command of the API; many run at once on a machine that may be busy. */
const COMMAND_MS = 120_000;
const SETTLE_MS = 60_000;
const BOXES = 2;
const SEGMENT = 16n << 20n;
const SEGMENTS = 128;
const LOCAL = 64n << 20n;
const CORES = 8;

/**
 * D4.4's test of its interfaces: platforms of arbitrary cores and memory that grow, shrink and go, on agents
 * that are processes, through the document's own API. Everything is made for it and removed after it.
 * @throws SdmError SDM_IAAS: something is not as it must be, naming the seed.
 */
export async function runIaas(options: IaasOptions): Promise<IaasResult> {
  const { seed, platforms = 16, agents = 16, onProgress = () => {}, signal } = options;
  // each of the commands that run at once listens
  if (signal !== undefined) setMaxListeners(0, signal);
  const dir = mkdtempSync(join(tmpdir(), 'sdm-iaas-'));
  const site = await makeSite({
    ...{ dir, agents, boxes: BOXES, segmentSize: SEGMENT, segmentsPerLender: SEGMENTS },
    ...{ cores: CORES, localMemory: LOCAL },
    ...(signal !== undefined && { signal }),
  });
  const test = new IaasTest(site, seed, onProgress, signal);
  try {
    onProgress(`starting ${agents} agents, ${site.lenders.length} lenders, trays and controller`);
    await site.start();
    const rows = await test.platforms(platforms);
    const checks = await test.end();
    await site.stop();
    checks.push(await storeIsEmpty(site, seed));
    return { seed, rows, checks };
  } finally {
    test.close();
    await site.stop('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Answer {
  readonly Status: number;
  readonly Message: string;
  readonly [name: string]: unknown;
}

class IaasTest {
  readonly #site: Site;
  readonly #seed: number;
  readonly #random: Random;
  readonly #say: (detail: string) => void;
  readonly #signal: AbortSignal | undefined;
  /** The document's API over TCP, as its clients speak it. */
  readonly #d44: HttpClient;
  readonly #own: HttpClient;
  #before: object = {};

  constructor(site: Site, seed: number, say: (detail: string) => void, signal?: AbortSignal) {
    this.#site = site;
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#say = say;
    this.#signal = signal;
    this.#d44 = new HttpClient(site.controller.url, { timeoutMs: COMMAND_MS });
    this.#own = site.client();
  }

  close(): void {
    this.#d44.close();
    this.#own.close();
  }

  /** All at once through each phase: so that they meet at the same bricks, switches and lenders. */
  async platforms(count: number): Promise<PlatformRow[]> {
    this.#before = await storeView(this.#own);
    const random = this.#random;
    const wanted = Array.from({ length: count }, () => ({
      cores: random.between(1, CORES),
      memory: random.between(80, 160),
      pathUtil: random.between(0, 20),
      grown: random.between(1, 80),
      growUtil: random.between(0, 10),
      freed: random.between(1, 64),
      pattern: random.between(1, 255),
    }));
    const rows: PlatformRow[] = [];
    await this.#phase(`creating ${count} platforms`, wanted, async (each, i) => {
      const { cores, memory, pathUtil, grown, freed } = each;
      const [answer, create] = await this.#command('getPlatform', {
        cpus: cores,
        memory,
        pathUtil,
      });
      const id = Number(answer['PlatformID']);
      const { brick } = await this.#view(id);
      const ms = { create, grow: 0, shrink: 0, release: 0 };
      rows[i] = { id, brick, cores, memory, grown, freed, pathUtil, ms };
    });
    await this.#agree('after all were created');
    await this.#phase('growing them', wanted, async ({ grown, growUtil }, i) => {
      const { id, ms } = rows[i]!;
      const args = { platformID: id, memory: grown, pathUtil: growUtil, migrateOK: 1 };
      const [answer, took] = await this.#command('allocateMemory', args);
      if (answer['domigrate'] !== 0)
        throw this.#wrong(`domigrate is ${String(answer['domigrate'])}`);
      ms.grow = took;
    });
    await this.#agree('after all have grown');
    for (const { registers } of this.#site.agents) {
      await useMemory(this.#site.pool, registers, random.between(1, 255));
    }
    await this.#phase('shrinking them', wanted, async ({ freed }, i) => {
      const { id, ms } = rows[i]!;
      [, ms.shrink] = await this.#command('freeMemory', { platformID: id, memory: freed });
    });
    await this.#agree('after all have shrunk');
    await this.#phase('releasing them', wanted, async (_each, i) => {
      const { id, ms } = rows[i]!;
      [, ms.release] = await this.#command('releasePlatform', { platformID: id });
    });
    await this.#unknown(rows[0]!.id);
    return rows;
  }

  /** Whether all is as it was. @returns what was seen. */
  async end(): Promise<string[]> {
    this.#say('looking whether anything is left');
    const { agents, lenders, pool, segmentSize } = this.#site;
    for (const { id, registers } of agents) {
      const left = mappedBytes(registers);
      if (left !== 0n) throw this.#wrong(`registers of ${id} still map ${left} bytes`);
    }
    const left = await connections(this.#site);
    if (left !== 0) throw this.#wrong(`${left} pairs of ports are still connected`);
    let segments = 0;
    for (const lender of lenders) {
      segments += await this.#lenderIsClean(lender.address, lender.id);
      const at = await firstByte(pool, lender);
      if (at !== undefined) throw this.#wrong(`the pool of ${lender.id} is not zero at ${at}`);
    }
    await this.#settled('the store to be as at the start', async () =>
      isDeepStrictEqual(await storeView(this.#own), this.#before),
    );
    return [
      `${agents.length} register blocks are clear, no port is connected`,
      `${segments} segments of ${segmentSize >> 20n} MiB are clean, and every byte of them is zero`,
      'platforms, totals and switches are as at the start',
    ];
  }

  async #command(name: string, body: object): Promise<[Answer, number]> {
    const began = performance.now();
    const answer = (await this.#d44.call('POST', `/api/${name}`, {
      body,
      ...(this.#signal && { signal: this.#signal }),
    })) as Answer;
    if (answer.Status === 0 && answer.Message === 'All good')
      return [answer, performance.now() - began];
    const code = String(answer['code'] ?? '');
    const more = JSON.stringify(answer['details'] ?? {});
    throw this.#wrong(`${name} ${JSON.stringify(body)}: ${code} ${answer.Message} ${more}`);
  }

  /** The document's words for what there is not any more. */
  async #unknown(platformID: number): Promise<void> {
    const body = { platformID };
    const answer = (await this.#d44.call('POST', '/api/releasePlatform', { body })) as Answer;
    if (answer.Status === 1 && answer.Message === 'Reservation Not Found') return;
    throw this.#wrong(`a platform that is gone is answered ${JSON.stringify(answer)}`);
  }

  async #view(id: number): Promise<{ readonly brick: string }> {
    return (await this.#own.call('GET', `/v1/platforms/${id}`)) as { brick: string };
  }

  /** Registers map exactly what the controller says that platforms have, brick by brick. */
  async #agree(when: string): Promise<void> {
    const { platforms } = (await this.#own.call('GET', '/v1/platforms')) as {
      readonly platforms: readonly { readonly brick: string; readonly remoteMemory: string }[];
    };
    for (const { id, registers } of this.#site.agents) {
      const said = platforms
        .filter(({ brick }) => brick === id)
        .reduce((sum, { remoteMemory }) => sum + BigInt(remoteMemory), 0n);
      const mapped = mappedBytes(registers);
      if (said === mapped) continue;
      throw this.#wrong(`${when} registers of ${id} map ${mapped} bytes, platforms have ${said}`);
    }
  }

  async #lenderIsClean(address: string, id: string): Promise<number> {
    const client = new HttpClient(address);
    try {
      await this.#settled(`lender ${id} to have scrubbed all`, async () => {
        const { counts } = (await client.call('GET', '/v1/lender')) as {
          readonly counts: Readonly<Record<string, number>>;
        };
        return counts['clean'] === SEGMENTS;
      });
      return SEGMENTS;
    } finally {
      client.close();
    }
  }

  async #phase<T>(
    what: string,
    list: readonly T[],
    work: (each: T, i: number) => Promise<void>,
  ): Promise<void> {
    this.#signal?.throwIfAborted();
    this.#say(what);
    const done = await Promise.allSettled(list.map(work));
    for (const outcome of done) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async #settled(what: string, look: () => Promise<boolean>): Promise<void> {
    await waitFor(what, async () => ((await look()) ? true : undefined), {
      timeoutMs: SETTLE_MS,
      signal: this.#signal,
    });
  }

  #wrong(what: string): SdmError {
    return wrong(what, this.#seed);
  }
}

/** What is on disk, when nobody has it open any more. */
async function storeIsEmpty(site: Site, seed: number): Promise<string> {
  const path = join(site.dir, 'controller.state/controller.db');
  const store = await openStore({ path, log: createLog('iaas', 'silent') });
  try {
    for (const prefix of ['platforms/', 'scrubs/', 'fences/']) {
      const left = await store.range(prefix);
      if (left.length > 0) throw wrong(`the store still has ${left.map(({ key }) => key)}`, seed);
    }
  } finally {
    await store.close();
  }
  return 'the store on disk has no platform, no scrub and no fence';
}

function wrong(what: string, seed: number): SdmError {
  return new SdmError('SDM_IAAS', `${what}; --seed ${seed} asks for the same again`, {
    details: { seed },
  });
}
