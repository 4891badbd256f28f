import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpClient } from '../../src/common/http-client.js';
import { waitFor } from '../../src/common/wait.js';
import { makeSite, type Site } from '../../src/iaas/site.js';
import { scratchDir } from '../support/scratch.js';

const WAIT = { timeoutMs: 40_000 };

/** What the controller shows of trays; undefined while it does not answer or knows of none. */
async function trays(site: Site): Promise<unknown[] | undefined> {
  const client = site.client();
  try {
    const { trays: list } = (await client.call('GET', '/v1/trays')) as { trays: unknown[] };
    return list.length === 0 ? undefined : list;
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

describe('a tray and its controller', () => {
  let site: Site;
  const dbmc = (): HttpClient => new HttpClient(site.topology.racks[0]!.boxes[0]!.trays[0]!.dbmc!);

  beforeAll(async () => {
    site = await makeSite({ dir: scratchDir('dbmc-register'), agents: 1 });
  });
  afterAll(() => site.stop('SIGKILL'));

  it('is told of a tray that came first, of what changes, and again after its restart', async () => {
    await site.startOne('dbmc-0.0.0');
    const board = dbmc();
    await waitFor(
      'the tray to say that nobody hears it',
      async () => {
        const { problems } = (await board.call('GET', '/healthz')) as { problems: unknown[] };
        return problems.length > 0 ? problems : undefined;
      },
      WAIT,
    );
    await site.startOne('controller');
    expect(await waitFor('the tray to register', () => trays(site), WAIT)).toEqual([
      expect.objectContaining({ id: '0.0.0', address: board.address, bricks: 2 }),
    ]);
    const faults = (list: object[]): Promise<unknown> =>
      board.call('POST', '/v1/faults', { body: { faults: list } });
    await faults([{ kind: 'unplugged', brick: '0.0.0' }]);
    await faults([]);
    const seen = await waitFor(
      'the controller to tell of both',
      async () => {
        const client = site.client();
        let text = '';
        for await (const piece of client.stream('/v1/events?follow=false')) text += piece;
        client.close();
        return /brick\.unplugged[^]*brick\.plugged/.exec(text) ?? undefined;
      },
      WAIT,
    );
    expect(seen.input).toContain('"0.0.0"');

    await site.daemons.get('controller')!.stop('SIGKILL');
    await site.startOne('controller');
    await waitFor('the tray to register again', () => trays(site), WAIT);
    expect(await board.call('GET', '/v1/board')).toMatchObject({
      controller: { address: site.controller.address, registered: true },
    });
    board.close();
  }, 120_000);
});
