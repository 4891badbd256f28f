import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../src/dbmc/api/table.js';
import { ofSwitch, startTray, TRAY } from '../support/dbmc.js';
import { scratchDir } from '../support/scratch.js';

const dir = scratchDir('dbmc-routes');
const JSON_HEADERS = ['-H', 'Accept: application/json', '-H', 'Content-Type: application/json'];
const BRICK = 'dRackId=0&dBoxId=2&dBrickId=9';

describe('sdm-dbmc', () => {
  it("answers the document's own command as printed, and a body with GET as query", async () => {
    const { url, curl } = await startTray(join(dir, 'curl'));
    const { status, body } = await curl(
      ...JSON_HEADERS,
      ...['-X', 'GET', `${url}/api/dbrick/info?dRackId=0&dBoxId=2&dBrickId=9`],
    );
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { dRackId: 0, dBoxId: 2, dBrickId: 9, type: 'compute', isOn: true, emulated: true },
    });
    const payload =
      '{"dRackId":"0","dBoxId":"2","dBrickId":"9","ipAddress":"10.128.0.1","port":"5001"}';
    const other = await curl(...JSON_HEADERS, '-X', 'GET', '-d', payload, `${url}/api/dbrick/info`);
    expect(other.body).toEqual(body);
    const posted = await curl(
      ...JSON_HEADERS,
      '-X',
      'POST',
      '-d',
      payload,
      `${url}/api/dbrick/info`,
    );
    expect(posted.body).toEqual(body);
  });

  it('answers every route of the table, labelled as emulated', async () => {
    const { url, curl } = await startTray(join(dir, 'all'));
    for (const { path, args } of ROUTES) {
      const values: Record<string, string> = {
        dRackId: '0',
        dBoxId: '2',
        dBrickId: '9',
        switchId: 'dbesm-0-2',
        portId: '0',
        path: '/dev/sda',
        ports: '[[0,4]]',
      };
      const query = Object.keys(args.properties)
        .filter((name) => values[name] !== undefined)
        .map((name) => `${name}=${encodeURIComponent(values[name]!)}`);
      const { status, body } = await curl(`${url}${path}?${query.join('&')}`);
      // the brick was switched off by one of them
      const off = path === '/api/dbrick/ping';
      expect({ path, status }).toEqual({ path, status: off ? 404 : 200 });
      if (!off) expect(body).toMatchObject({ dRackId: 0, emulated: true });
    }
  });

  it('says 410 of what there is not, 404 of what does not answer, 400 of what cannot be', async () => {
    const { url, curl, post } = await startTray(join(dir, 'errors'));
    const info = (query: string) => curl(`${url}/api/dbrick/info?${query}`);
    expect(await info('dRackId=0&dBoxId=2&dBrickId=3')).toMatchObject({
      status: 410,
      body: { code: 'SDM_NO_RESOURCE' },
    });
    expect(await info('dRackId=1&dBoxId=2&dBrickId=9')).toMatchObject({ status: 410 });
    expect(await info('dRackId=0&dBoxId=2&dBrickId=16')).toMatchObject({
      status: 400,
      body: { code: 'SDM_INPUT', message: expect.stringContaining('0 to 15') },
    });
    expect(await info('dRackId=0&dBoxId=2')).toMatchObject({ status: 400 });
    expect(await info(`${BRICK}&dBrikId=3`)).toMatchObject({ status: 400 });
    await post('/v1/faults', { faults: [{ kind: 'unplugged', brick: '0.2.9' }] });
    expect(await info(BRICK)).toMatchObject({
      status: 404,
      body: { code: 'SDM_RESOURCE_UNREACHABLE' },
    });
    expect(await post('/api/switch/portsinfo', ofSwitch('dbesm-9-9'))).toMatchObject({
      status: 410,
    });
    for (const ports of ['[[1]]', '[[1,2,3]]', '{}', '[[1,-2]]', '[[1,2],', '1,2']) {
      const body = { ...ofSwitch('dbesm-0-2'), ports };
      expect(await post('/api/switch/connectports', body)).toMatchObject({ status: 400 });
    }
    expect(await curl(`${url}/api/dbrick/nothing`)).toMatchObject({ status: 404 });
  });

  it('connects ports, shows them, and takes them apart; both may be done again', async () => {
    const { post } = await startTray(join(dir, 'ports'));
    const connect = (id: string, ports: number[][]) =>
      post('/api/switch/connectports', ofSwitch(id, ports));
    expect(
      await connect('dbesm-0-2', [
        [4, 0],
        [5, 0],
      ]),
    ).toMatchObject({
      status: 200,
      body: {
        changed: [
          [0, 4],
          [0, 5],
        ],
        ports: [
          [0, 4],
          [0, 5],
        ],
      },
    });
    expect((await connect('dbesm-0-2', [[0, 4]])).body).toMatchObject({ changed: [] });
    expect(
      await post('/api/switch/portendpoint', { ...ofSwitch('dbesm-0-2'), portId: '0' }),
    ).toMatchObject({
      body: { endpoint: '0.2.9/0', connected: [4, 5] },
    });
    expect(await connect('dbosm-0-2', [[1, 2]])).toMatchObject({ status: 200 });
    expect(
      await connect('dbosm-0-2', [
        [3, 4],
        [2, 5],
      ]),
    ).toMatchObject({
      status: 409,
      body: { code: 'SDM_PORT_CONNECTED', details: { port: 2, connected: 1 } },
    });
    expect((await post('/api/switch/portsinfo', ofSwitch('dbosm-0-2'))).body).toMatchObject({
      connections: [[1, 2]],
    });
    // by its place in the list, as clients that there are count switches
    expect((await post('/api/switch/info', { ...ofSwitch('1') })).body).toMatchObject({
      switchId: 'dbosm-0-2',
      connected: 1,
    });
    const apart = () => post('/api/switch/disconnectports', ofSwitch('dbosm-0-2', [[2, 1]]));
    expect((await apart()).body).toMatchObject({ changed: [[1, 2]], ports: [] });
    expect((await apart()).body).toMatchObject({ changed: [], ports: [] });
  });

  it('serves the switches of a rack without boxes', async () => {
    const { url, curl, post } = await startTray(join(dir, 'rack'), {
      role: 'rack',
      id: '0',
      switches: [{ id: 'drosm-0', kind: 'optical', ports: 8 }],
    });
    const { status, body } = await post('/api/switch/connectports', {
      dRackId: 0,
      ports: '[[0,1]]',
    });
    expect({ status, body }).toMatchObject({ status: 200, body: { switchId: 'drosm-0' } });
    expect(body).not.toHaveProperty('dBoxId');
    expect(await curl(`${url}/api/dbox/info?dRackId=0&dBoxId=0`)).toMatchObject({ status: 410 });
  });

  it('has events, metrics, health and a contract', async () => {
    const { url, curl, post } = await startTray(join(dir, 'own'), TRAY);
    await post('/api/dbrick/switchoff', { dRackId: 0, dBoxId: 2, dBrickId: 9 });
    await post('/v1/faults', {
      faults: [
        { kind: 'unplugged', brick: '0.2.8' },
        { kind: 'hot', celsius: 90 },
      ],
    });
    const health = await curl(`${url}/healthz`);
    expect(health.body).toMatchObject({ status: 'ok', tray: '0.2.0', problems: [] });
    const openapi = await curl(`${url}/openapi.json`);
    expect(Object.keys(openapi.body['paths'] as object)).toEqual(
      expect.arrayContaining([
        '/api/dbrick/info',
        '/api/switch/connectports',
        '/v1/board',
        '/v1/faults',
      ]),
    );
    const board = await curl(`${url}/v1/board`);
    expect(board.body).toMatchObject({
      bricks: [
        { id: '0.2.9', on: false },
        { id: '0.2.8', plugged: false },
        { id: '0.2.0', on: true },
      ],
      sensors: expect.arrayContaining([expect.objectContaining({ value: 90, state: 'critical' })]),
    });
    const lines = await fetch(`${url}/v1/events?follow=false`).then((answer) => answer.text());
    expect(lines.match(/^event: .*$/gm)).toEqual([
      'event: brick.off',
      'event: faults.set',
      'event: brick.unplugged',
    ]);
    const metrics = await fetch(`${url}/metrics`).then((answer) => answer.text());
    expect(metrics).toContain('sdm_dbmc_brick_on{brick="0.2.9"} 0');
  });

  it('lets go of a port whose machine is gone, and does not take a link for up there', async () => {
    const at = join(dir, 'gone');
    mkdirSync(join(at, 'state'), { recursive: true });
    const kept = { version: 1, bricks: {}, switches: { 'dbesm-0-2': [[0, 4]] } };
    writeFileSync(join(at, 'state/board.json'), JSON.stringify(kept));
    const registers = { '0.2.9': { qmp: join(at, 'nobody.sock') } };
    const { post } = await startTray(at, { ...TRAY, registers });
    const pair = { dRackId: 0, dBoxId: 2, switchId: 'dbesm-0-2', ports: '[[0,4]]' };
    expect((await post('/api/switch/disconnectports', pair)).status).toBe(200);
    expect((await post('/api/switch/connectports', pair)).status).toBe(502);
    const info = await post('/api/switch/portsinfo', { ...pair, ports: undefined });
    expect(JSON.stringify(info.body)).toContain('"connections":[]');
  });

  it('does nothing for HEAD', async () => {
    const { url, curl } = await startTray(join(dir, 'head'));
    const answer = await curl('-I', '-o', '/dev/null', `${url}/api/dbrick/switchoff?${BRICK}`);
    expect(answer.status).toBe(404);
    expect((await curl(`${url}/api/dbrick/ison?${BRICK}`)).body).toMatchObject({ isOn: true });
  });
});
