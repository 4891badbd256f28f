import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Agent } from '../../../src/agent/agent.js';
import { createServer, type Server } from '../../../src/agent/api/server.js';
import { openJournal } from '../../../src/agent/journal/index.js';
import { Observation } from '../../../src/agent/observe/index.js';
import { LinkMonitor } from '../../../src/agent/observe/link-monitor.js';
import { createLog } from '../../../src/common/log.js';
import { setLink } from '../../../src/rack/registers.js';
import { metric, parseMetrics, type Family } from '../../support/prometheus.js';
import { makeBrick, MIB, type TestBrick } from '../brick.js';

const SILENT = createLog('test', 'silent');
let brick: TestBrick;
let observation: Observation;
let agent: Agent;
let server: Server;
beforeEach(async () => {
  brick = makeBrick();
  observation = new Observation();
  const journal = await openJournal(join(brick.directory, 'state'), { log: SILENT });
  agent = await Agent.open(brick.config, { observer: observation, journal });
  const probe = () => Promise.reject(new Error('not here'));
  server = await createServer({ brick: 'b', agent, observation, probe }, SILENT);
});
afterEach(async () => {
  await server.app.close();
  await agent.close();
  brick.remove();
});

async function scrape(): Promise<Map<string, Family>> {
  const { statusCode, headers, body } = await server.app.inject('/metrics');
  expect([statusCode, headers['content-type']]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  return parseMetrics(body);
}

const post = (body: object) =>
  server.app.inject({ method: 'POST', url: '/v1/attachments', payload: body });

describe('the reader of these tests', () => {
  const head = '# HELP a_total b\n# TYPE a_total counter\n';
  it.each([
    ['no end', 'a 1'],
    ['no type', 'a 1\n'],
    ['no help', '# TYPE a gauge\na 1\n'],
    ['a counter by another name', '# HELP a b\n# TYPE a counter\na 1\n'],
    ['a value that is none', `${head}a_total x\n`],
    ['another name', `${head}b_total 1\n`],
    ['a sample twice', `${head}a_total 1\na_total 2\n`],
    ['a label twice', `${head}a_total{x="1",x="2"} 1\n`],
    ['a label with no quotes', `${head}a_total{x=1} 1\n`],
    ['a quote that is not escaped', `${head}a_total{x="a"b"} 1\n`],
    [
      'a histogram that falls',
      '# HELP h b\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
    ],
    ['one with no end', '# HELP h b\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_sum 1\nh_count 2\n'],
  ])('refuses %s', (_name, text) => {
    expect(() => parseMetrics(text)).toThrow();
  });

  it('reads what is right', () => {
    const families = parseMetrics(`${head}a_total{x="\\"\\\\\\n",y=""} 1e3\na_total 0.5\n`);
    expect(metric(families, 'a_total', { x: '"\\\n', y: '' })).toBe(1000);
    expect(metric(families, 'a_total')).toBe(0.5);
  });
});

describe('/metrics', () => {
  it('counts from the start, before anybody asked', async () => {
    observation.step('programmed', 0.05, true);
    observation.step('programmed', 250, true);
    observation.step('programmed', 90_000, true);
    observation.step('linked', 5_000, false);
    await server.app.inject('/v1/nothing');
    const families = await scrape();
    const name = 'sdm_step_duration_seconds';
    const step = { step: 'programmed' };
    expect(metric(families, `${name}_bucket`, { ...step, le: '0.0001' })).toBe(1);
    expect(metric(families, `${name}_bucket`, { ...step, le: '0.5' })).toBe(2);
    expect(metric(families, `${name}_bucket`, { ...step, le: '60' })).toBe(2);
    expect(metric(families, `${name}_count`, step)).toBe(3);
    expect(metric(families, `${name}_sum`, step)).toBeCloseTo(90.25005, 9);
    expect(metric(families, 'sdm_steps_failed_total', { step: 'linked' })).toBe(1);
    expect(metric(families, 'sdm_refusals_total', { code: 'SDM_NOT_FOUND' })).toBe(1);
  });

  it('follows what is attached', async () => {
    const device = { mode: 'device', node: 'none' };
    const before = await scrape();
    expect(before.get('sdm_attached_bytes')?.samples).toEqual([]);
    expect(metric(before, 'sdm_memports', { owner: 'attachment' })).toBe(0);
    expect(metric(before, 'sdm_memports', { owner: 'none' })).toBe(32);

    await post({ id: 'a', mode: 'device', size: '0x400000' });
    await post({ id: 'b', mode: 'device', size: '0x200000' });
    const manual = { start: 16n * MIB, size: 2n * MIB, remote: 16n * MIB };
    await agent.setMemport(9, manual, { override: true });
    const during = await scrape();
    expect(metric(during, 'sdm_attached_bytes', device)).toBe(0x600000);
    expect(metric(during, 'sdm_attachments', { state: 'present' })).toBe(2);
    expect(metric(during, 'sdm_memports', { owner: 'attachment' })).toBe(2);
    expect(metric(during, 'sdm_memports', { owner: 'manual' })).toBe(1);
    expect(metric(during, 'sdm_memports', { owner: 'none' })).toBe(29);
    const programmed = { step: 'programmed' };
    expect(metric(during, 'sdm_step_duration_seconds_count', programmed)).toBe(2);
    expect(metric(during, 'sdm_events_total', { kind: 'attachment' })).toBe(2);
    expect(metric(during, 'sdm_events_total', { kind: 'memport' })).toBe(1);

    for (const id of ['a', 'b']) {
      await server.app.inject({ method: 'DELETE', url: `/v1/attachments/${id}` });
    }
    const after = await scrape();
    // the series stays: a graph would show the last value for minutes
    expect(metric(after, 'sdm_attached_bytes', device)).toBe(0);
    expect(metric(after, 'sdm_attachments', { state: 'present' })).toBe(0);
    expect(metric(after, 'sdm_step_duration_seconds_count', { step: 'cleared' })).toBe(2);
    expect(metric(after, 'sdm_events_total', { kind: 'attachment' })).toBe(4);
  });

  it('follows the links', async () => {
    const monitor = new LinkMonitor(agent, observation, SILENT);
    const t = { transceiver: '2' };
    const before = await scrape();
    expect(metric(before, 'sdm_link_up', t)).toBe(1);
    expect(metric(before, 'sdm_link_downs_total', t)).toBe(0);
    expect(metric(before, 'sdm_events_total', { kind: 'link' })).toBe(0);
    await setLink(brick.registers, 2, false);
    monitor.look();
    const after = await scrape();
    expect(metric(after, 'sdm_link_up', t)).toBe(0);
    expect(metric(after, 'sdm_link_downs_total', t)).toBe(1);
    expect(metric(after, 'sdm_events_total', { kind: 'link' })).toBe(1);
    expect(metric(after, 'sdm_link_up', { transceiver: '1' })).toBe(1);
  });

  it('counts every refusal by its code', async () => {
    const codes = ['SDM_INPUT', 'SDM_NOT_FOUND', 'SDM_LINK_DOWN', 'SDM_MODE'] as const;
    const counts = async () => {
      const families = await scrape();
      return codes.map((code) => metric(families, 'sdm_refusals_total', { code }));
    };
    expect(await counts()).toEqual([0, 0, 0, 0]);
    await post({ size: 1 });
    await server.app.inject('/v1/attachments/none');
    await server.app.inject('/v1/none');
    await setLink(brick.registers, 1, false);
    await post({ mode: 'device', size: '0x200000', outId: '0x1' });
    await post({ size: '0x200000' });
    expect(await counts()).toEqual([1, 2, 1, 1]);
    expect(metric(await scrape(), 'sdm_steps_failed_total', { step: 'linked' })).toBe(1);
  });

  it('follows the term and the journal', async () => {
    expect(metric(await scrape(), 'sdm_epoch')).toBe(0);
    await server.app.inject({
      method: 'POST',
      url: '/v1/attachments',
      headers: { 'sdm-controller': 'rack-a', 'sdm-epoch': '0x10' },
      payload: { mode: 'device', size: '0x200000' },
    });
    const families = await scrape();
    expect(metric(families, 'sdm_epoch')).toBe(16);
    expect(metric(families, 'sdm_events_total', { kind: 'epoch' })).toBe(1);
    expect(metric(families, 'sdm_journal_failed')).toBe(0);
    expect(metric(families, 'sdm_journal_full')).toBe(0);
    expect(metric(families, 'sdm_journal_pending_entries')).toBe(0);
    expect(metric(families, 'sdm_journal_lag_seconds')).toBe(0);
    expect(metric(families, 'sdm_journal_last_sync_seconds')).toBeGreaterThan(0);
    const { size } = statSync(join(brick.directory, 'state', 'journal'));
    expect(metric(families, 'sdm_journal_size_bytes')).toBe(size);
  });

  it('has bounded labels: nothing that a client makes up', async () => {
    const series = (families: Map<string, Family>) =>
      [...families.values()].flatMap(({ samples }) => samples.map((s) => JSON.stringify(s.labels)));
    await post({ id: 'a', mode: 'device', size: '0x200000' });
    const before = series(await scrape());
    for (let i = 0; i < 20; i += 1) {
      await server.app.inject(`/v1/attachments/made-up-${i}`);
      await post({ id: `b-${i}`, mode: 'device', size: '0x200000' });
      await server.app.inject({ method: 'DELETE', url: `/v1/attachments/b-${i}` });
    }
    const after = series(await scrape());
    expect(after.filter((labels) => /made-up|b-1/.test(labels))).toEqual([]);
    // the steps of a detach are seen for the first time
    expect(after.length - before.length).toBeLessThan(15 * 12);
  });

  it('tells of process and build', async () => {
    const families = await scrape();
    expect(metric(families, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(metric(families, 'process_open_fds')).toBeGreaterThan(2);
    expect(
      Math.abs(metric(families, 'process_start_time_seconds') - Date.now() / 1000),
    ).toBeLessThan(600);
    const { version } = JSON.parse(
      readFileSync(resolve(import.meta.dirname, '../../../package.json'), 'utf8'),
    ) as { version: string };
    expect(
      metric(families, 'sdm_build_info', { version, nodejs_version: process.versions.node }),
    ).toBe(1);
  });

  it('is described in docs/metrics.md, every one of them', async () => {
    const doc = readFileSync(resolve(import.meta.dirname, '../../../docs/metrics.md'), 'utf8');
    const families = await scrape();
    const missing = [...families].filter(([name, { samples }]) => {
      const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
      labels.delete('le');
      const shown = labels.size === 0 ? name : `${name}{${[...labels].join(',')}}`;
      return !doc.includes(`| \`${name}`) || (samples.length > 0 && !doc.includes(`\`${shown}\``));
    });
    expect(missing.map(([name]) => name)).toEqual([]);
  });

  it('answers scrapes that come at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => scrape()));
    expect(new Set(all.map((families) => [...families.keys()].join())).size).toBe(1);
  });
});
