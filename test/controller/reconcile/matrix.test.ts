import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FAULT_POINTS } from '../../../src/controller/faults.js';
import { SEGMENT, type ControllerRack } from '../../support/controller-rack.js';
import { Asked, hex, NOTHING, startRack } from './racks.js';

// One rack for all of them: what a crash leaves behind, the next one would stumble over.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
let rack: ControllerRack;
let asked: Asked;
beforeAll(async () => {
  rack = await startRack();
  asked = new Asked(rack);
});
afterAll(() => rack.remove());

interface Acknowledged {
  /** Remote bytes of platforms that were answered for and not asked to go, by id. */
  readonly sizes: Map<number, string>;
  /** Platforms whose release was answered for. */
  readonly released: Set<number>;
}

/** A life of two platforms; ends where the controller does. */
async function live(acked: Acknowledged): Promise<void> {
  const first = await asked.create(2, { brick: '0.0.0' });
  acked.sizes.set(first.id, hex(2));
  for (const { remote, size } of first.attachments) rack.dirty(BigInt(remote), BigInt(size));
  const second = await asked.create(1, { brick: '0.0.1', leaseTtlMs: 600_000 });
  acked.sizes.set(second.id, hex(1));
  // Neither before nor after is wrong while it is not answered.
  acked.sizes.delete(first.id);
  await rack.ask('POST', `/v1/platforms/${first.id}/memory`, { size: hex(3) });
  acked.sizes.set(first.id, hex(5));
  acked.sizes.delete(first.id);
  await rack.ask('DELETE', `/v1/platforms/${first.id}/memory?size=${hex(1)}`);
  acked.sizes.delete(second.id);
  await asked.release(second.id);
  acked.released.add(second.id);
  await asked.release(first.id);
  acked.released.add(first.id);
}

/** Points that nothing of a life comes to, each with why. */
const NOT_IN_A_LIFE = new Set(
  [
    'undo.end', // nothing fails
    'undo.pending',
    'shrink.pending',
    'release.pending',
    'scrub.end', // no scrub fails
    'brick', // nothing is drained or lost
    'save', // nothing is repaired
  ].flatMap((name) => [`${name}.before`, `${name}.after`]),
);

describe('a controller that is killed leaves nothing half', () => {
  test.each(FAULT_POINTS.filter((point) => !NOT_IN_A_LIFE.has(point)))('%s', async (point) => {
    await rack.running.get('controller')?.stop('SIGTERM');
    const acked: Acknowledged = { sizes: new Map(), released: new Set() };
    const started = await rack.startController({ SDM_FAULT: point }).catch(() => undefined);
    if (started !== undefined) {
      await expect(live(acked), 'it went on').rejects.toThrow();
      await asked.until('its end', async () => started.process.signalCode === 'SIGKILL');
    }

    await rack.startController();
    // It is ready when it has reconciled: what was acknowledged is whole, the rest is whole or gone.
    const platforms = await asked.platforms();
    for (const { state, attachments } of platforms) {
      expect([state, ...attachments.map((each) => each.state)]).toEqual([
        'active',
        ...attachments.map(() => 'attached'),
      ]);
    }
    for (const [id, size] of acked.sizes) {
      expect(platforms.find((each) => each.id === id)?.remoteMemory, `platform ${id}`).toBe(size);
    }
    for (const id of acked.released) expect(platforms.map((each) => each.id)).not.toContain(id);
    const wanted = platforms.flatMap(({ attachments }) => attachments.map(({ id }) => id)).sort();
    const left = await asked.left();
    const ids = (of: unknown): string[] => (of as { id: string }[]).map(({ id }) => id).sort();
    expect(ids(left['attachments']), 'at agents').toEqual(wanted);
    expect(ids(left['grants']), 'at lenders').toEqual(wanted);
    expect(left['memports'], 'in registers').toHaveLength(wanted.length);
    const segments = platforms.reduce((sum, each) => sum + BigInt(each.remoteMemory), 0n) / SEGMENT;
    expect(left['segmentsInUse']).toBe(Number(segments));

    for (const { id } of platforms) await asked.release(id);
    expect(await asked.left()).toEqual(NOTHING);
  });
});
