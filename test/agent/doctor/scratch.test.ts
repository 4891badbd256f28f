import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { STATUS } from '../../../src/abi/codec.js';
import { Agent } from '../../../src/agent/agent.js';
import type { Brick } from '../../../src/agent/api/brick-schema.js';
import type { Finding } from '../../../src/agent/doctor/finding.js';
import { examine } from '../../../src/agent/doctor/index.js';
import { scratchDirectly } from '../../../src/agent/doctor/scratch/direct.js';
import { scratchThroughAgent } from '../../../src/agent/doctor/scratch/through-agent.js';
import type { Ask, Surroundings } from '../../../src/agent/doctor/surroundings.js';
import { toJson } from '../../../src/common/json.js';
import { probeThroughAgent } from '../../../src/agent/probe/collect.js';
import { SdmError } from '../../../src/common/errors.js';
import { native } from '../../../src/native/index.js';
import {
  STAGING,
  STAGING_WORDS,
  type Native,
  type RegisterBlock,
} from '../../../src/native/types.js';
import { makeBrick, type TestBrick } from '../brick.js';

let brick: TestBrick | undefined;
afterEach(() => {
  brick?.remove();
  brick = undefined;
});

/** An agent in this process, asked as its API would. */
function askOf(agent: Agent): Ask {
  return async ({ method = 'GET', path, body }) => {
    const port = Number(path.split('/')[3]);
    switch (`${method} ${path.replace(/[0-9]+$/, 'N')}`) {
      case 'GET /v1/memports':
        return { memports: agent.memports().map(toJson) };
      case 'GET /v1/memports/N':
        return toJson(agent.memport(port));
      case 'GET /v1/attachments':
        return { attachments: agent.listAttachments().map(toJson) };
      case 'GET /v1/memory':
        return toJson(await agent.memory());
      case 'GET /v1/transceivers':
        return { transceivers: agent.transceivers().map(toJson) };
      case 'PUT /v1/memports/N': {
        const { start, size, remote, outId } = body as Record<string, string>;
        const spec = { start, size, remote, outId };
        const [s, z, r, o] = Object.values(spec).map((value) => BigInt(value!));
        return toJson(await agent.setMemport(port, { start: s!, size: z!, remote: r!, outId: o! }));
      }
      case 'DELETE /v1/memports/N':
        return toJson(await agent.clearMemport(port));
      default:
        throw new Error(`${method} ${path}`);
    }
  };
}

async function withAgent(use: (agent: Agent, brick: Brick) => Promise<void>): Promise<void> {
  brick ??= makeBrick();
  const agent = await Agent.open(brick.config, { native });
  try {
    await agent.reconcile();
    await use(agent, probeThroughAgent(agent, brick.config));
  } finally {
    await agent.close();
  }
}

const through = (ask: Ask, seen: Brick): Promise<Finding> =>
  scratchThroughAgent({ ask, brick: seen, settings: {} } as Surroundings);

describe('through an agent', () => {
  it('is set, read back and cleared', async () => {
    await withAgent(async (agent, seen) => {
      const asked: string[] = [];
      const ask = askOf(agent);
      const finding = await through((request) => {
        asked.push(`${request.method ?? 'GET'} ${request.path}`);
        return ask(request);
      }, seen);
      expect(finding).toMatchObject({ id: 'scratch', level: 'ok' });
      expect(asked.slice(4)).toEqual([
        'PUT /v1/memports/31',
        'GET /v1/memports/31',
        'DELETE /v1/memports/31',
      ]);
      expect(agent.memports().filter(({ set }) => set)).toEqual([]);
    });
  });

  it('leaves nothing set, whichever answer is lost, or says what it left', async () => {
    await withAgent(async (agent, seen) => {
      const ask = askOf(agent);
      const lost = fc.record({ at: fc.nat(8), done: fc.boolean(), again: fc.boolean() });
      await fc.assert(
        fc.asyncProperty(lost, async ({ at, done, again }) => {
          let count = 0;
          const finding = await through(async (request) => {
            const n = count++;
            const loses = again ? n >= at : n === at;
            const answer = loses && !done ? undefined : await ask(request);
            if (!loses) return answer;
            throw new SdmError('SDM_TIMEOUT', 'no answer', { details: { socket: '/s' } });
          }, seen);
          const left = agent.memports().filter(({ set }) => set);
          if (left.length > 0) {
            expect(finding).toMatchObject({
              level: 'problem',
              command: `sdm-agent memport clear ${left[0]?.port} --override`,
            });
            for (const { port } of left) await agent.clearMemport(port);
          }
          if (count > at) expect(finding.level).not.toBe('ok');
        }),
        { numRuns: 60 },
      );
    });
  });

  it('leaves a memport alone that somebody else sets meanwhile', async () => {
    await withAgent(async (agent, seen) => {
      const ask = askOf(agent);
      const theirs = { start: 0x2200000n, size: 0x200000n, remote: 0x2200000n };
      const finding = await through(async (request) => {
        if (request.method === 'PUT') await agent.setMemport(31, theirs);
        return ask(request);
      }, seen);
      expect(finding).toMatchObject({ level: 'warning', mend: 'run this again' });
      expect(agent.memport(31)).toMatchObject({ set: true, start: theirs.start });
    });
  });

  it('is cleared before a cancelled examination ends', async () => {
    await withAgent(async (agent, seen) => {
      const ask = askOf(agent);
      const controller = new AbortController();
      const cancelled = examine({
        root: '/nonexistent',
        configPath: '/nonexistent',
        loadNative: () => Promise.resolve(native),
        askOn: () => async (request) => {
          if (request.path === '/v1/brick') return seen;
          const answer = await ask(request);
          if (request.method === 'PUT') controller.abort(new SdmError('SDM_CANCELLED', 'enough'));
          return answer;
        },
        statfs: () => ({ free: 1n, total: 1n, inodes: 1n }),
        scratch: true,
        signal: controller.signal,
      });
      await expect(cancelled).rejects.toMatchObject({ code: 'SDM_CANCELLED' });
      expect(agent.memports().filter(({ set }) => set)).toEqual([]);
    });
  });
});

/** The addon with another program(). */
function programming(program: (block: RegisterBlock, call: number) => number): Native {
  return {
    ...native,
    openRegisters(source, options) {
      const block = native.openRegisters(source, options);
      let calls = 0;
      return {
        info: block.info,
        staging: block.staging,
        program: () => program(block, calls++),
        snapshot: (into) => block.snapshot(into),
        read: (offset) => block.read(offset),
        writeEpoch: (epoch) => block.writeEpoch(epoch),
        resetLink: (t) => block.resetLink(t),
        close: () => block.close(),
      };
    },
  };
}

describe('directly', () => {
  const direct = (with_: Native): Finding => {
    const { config } = brick!;
    const settings = { ...config, socket: '/s', socketGroup: null, stateDir: '/d' };
    return scratchDirectly('/', with_, {
      ...settings,
      pool: config.pool,
      checks: config.checks,
    } as Surroundings['settings']);
  };
  const bytes = (): string => readFileSync(brick!.registers).toString('hex');

  it('is cleared where setting it throws', () => {
    brick = makeBrick();
    const before = bytes();
    const finding = direct(
      programming((block, call) => {
        const left = block.program(1);
        if (call === 0) throw new Error('the registers are gone');
        return left;
      }),
    );
    expect(finding).toMatchObject({ level: 'problem', found: 'the registers are gone' });
    expect(bytes()).toBe(before);
  });

  it('says so where it could not be cleared', () => {
    brick = makeBrick();
    const finding = direct(
      programming((block, call) => {
        if (call === 0) return block.program(1);
        block.staging[STAGING.STATUS] = BigInt(STATUS.BUSY);
        return 1;
      }),
    );
    expect(finding).toMatchObject({
      level: 'problem',
      found: expect.stringMatching(/could not be cleared .*busy/),
      command: 'sdm-agent memport clear 31 --override',
    });
    expect(scanSet()).toEqual([31]);
  });

  it('says so where registers do not keep what is written', () => {
    brick = makeBrick();
    const before = bytes();
    const finding = direct(
      programming((block, call) => {
        if (call > 0) return block.program(1);
        block.staging[STAGING.END] = block.staging[STAGING.END]! + 0x200000n;
        return block.program(1);
      }),
    );
    expect(finding).toMatchObject({
      level: 'problem',
      found: expect.stringContaining('not read as it was written'),
    });
    expect(bytes()).toBe(before);
  });

  it.each([
    [STATUS.WINDOW, /another window/],
    [STATUS.REMOTE, /shares/],
    [STATUS.RESOURCES, /no room/],
    [STATUS.BUSY, /did not answer in time/],
    [99, /refuses/],
  ])('names the cause of STATUS %d', (status, cause) => {
    brick = makeBrick();
    const before = bytes();
    const finding = direct(
      programming((block, call) => {
        if (call > 0) return block.program(1);
        block.staging[STAGING.STATUS] = BigInt(status);
        return 1;
      }),
    );
    expect(finding).toMatchObject({
      level: 'problem',
      found: expect.stringContaining(`STATUS ${status}`),
      cause: expect.stringMatching(cause),
    });
    expect(bytes()).toBe(before);
  });

  function scanSet(): number[] {
    const block = native.openRegisters({ path: brick!.registers }, { writable: false });
    try {
      const words = new BigUint64Array(32 + block.info.nports * STAGING_WORDS);
      block.snapshot(words);
      return Array.from({ length: block.info.nports }, (_, n) => n).filter(
        (n) => words[32 + n * STAGING_WORDS + 5] === 1n,
      );
    } finally {
      block.close();
    }
  }
});
