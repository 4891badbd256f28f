import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ofSwitch, startTray, type RunningTray } from '../support/dbmc.js';
import { scratchDir } from '../support/scratch.js';

const dir = scratchDir('dbmc-terms');
const WAIT_MS = 20_000;
/** Longer than a command of the next controller takes, on a busy machine too. */
const SLOW_MS = 5_000;
const PAIR = [[0, 4]];

const says = (controller: string, epoch: string): string[] => [
  ...['-H', `sdm-controller: ${controller}`, '-H', `sdm-epoch: ${epoch}`],
];

function set({ url, curl }: RunningTray, what: 'connect' | 'disconnect', headers: string[] = []) {
  const body = JSON.stringify(ofSwitch('dbesm-0-2', PAIR));
  return curl(
    ...['-X', 'POST', '-H', 'Content-Type: application/json', ...headers],
    ...['-d', body, `${url}/api/switch/${what}ports`],
  );
}

async function connections({ post }: RunningTray): Promise<unknown> {
  return (await post('/api/switch/portsinfo', ofSwitch('dbesm-0-2'))).body['connections'];
}

it('refuses a controller whose term is over, also after a crash; others command as ever', async () => {
  const state = join(dir, 'over');
  const first = await startTray(state);
  expect(await set(first, 'connect', says('a', '0x5'))).toMatchObject({ status: 200 });
  const stale = { status: 409, body: { code: 'SDM_STALE_EPOCH', details: { current: '5' } } };
  expect(await set(first, 'disconnect', says('a', '4'))).toMatchObject(stale);
  expect(await set(first, 'disconnect', says('b', '5'))).toMatchObject(stale);
  const half = await set(first, 'disconnect', ['-H', 'sdm-epoch: 9']);
  expect(half).toMatchObject({ status: 400, body: { code: 'SDM_INPUT' } });
  expect(await connections(first)).toEqual(PAIR);
  const args = 'dRackId=0&dBoxId=2&dBrickId=9';
  const off = `${first.url}/api/dbrick/switchoff?${args}`;
  expect(await first.curl(...says('a', '4'), off)).toMatchObject(stale);
  const info = await first.curl(...says('a', '4'), `${first.url}/api/dbrick/ison?${args}`);
  expect(info).toMatchObject({ status: 200, body: { isOn: true } });

  await first.daemon.stop('SIGKILL');
  const again = await startTray(state);
  expect(await set(again, 'disconnect', says('a', '4'))).toMatchObject(stale);
  expect(await connections(again)).toEqual(PAIR);
  expect(await set(again, 'connect', says('a', '5'))).toMatchObject({ status: 200 });
  // whoever names no controller
  expect(await set(again, 'disconnect')).toMatchObject({ status: 200, body: { ports: [] } });
  expect(await set(again, 'connect', says('b', '6'))).toMatchObject({ status: 200 });
  expect(await set(again, 'disconnect', says('a', '5'))).toMatchObject({
    status: 409,
    body: { details: { current: '6', controller: 'b' } },
  });
  expect(await connections(again)).toEqual(PAIR);
});

it('refuses what was sent before the next controller came, and begins only after it', async () => {
  const tray = await startTray(join(dir, 'slow'));
  expect(await set(tray, 'connect', says('a', '1'))).toMatchObject({ status: 200 });
  await tray.post('/v1/faults', { faults: [{ kind: 'slow', ms: SLOW_MS }] });
  const late = await arrived(tray);
  await tray.post('/v1/faults', { faults: [] });
  expect(await set(tray, 'connect', says('a', '2'))).toMatchObject({ status: 200 });
  expect(await late.answer).toMatch(/HTTP\/1\.1 409 [^]*"SDM_STALE_EPOCH"/);
  expect(await connections(tray)).toEqual(PAIR);
});

/**
 * Has the controller with epoch 1 take the pair apart. Resolves when the daemon has the request, which it says by
 * "100 Continue"; what is asked of it from then on comes later.
 */
function arrived({ url }: RunningTray): Promise<{ readonly answer: Promise<string> }> {
  const { hostname, port, host } = new URL(url);
  const query = 'dRackId=0&dBoxId=2&switchId=dbesm-0-2&ports=%5B%5B0,4%5D%5D';
  const lines = [
    `GET /api/switch/disconnectports?${query} HTTP/1.1`,
    ...[`Host: ${host}`, 'Expect: 100-continue', 'Connection: close'],
    ...['sdm-controller: a', 'sdm-epoch: 1'],
  ];
  const socket = connect(Number(port), hostname, () =>
    socket.write(`${lines.join('\r\n')}\r\n\r\n`),
  );
  socket.setEncoding('utf8');
  socket.setTimeout(WAIT_MS, () => socket.destroy(new Error('the daemon does not answer')));
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    let text = '';
    const answer = new Promise<string>((done) => socket.on('end', () => done(text)));
    socket.on('data', (piece: string) => {
      text += piece;
      if (text.startsWith('HTTP/1.1 100 ')) resolve({ answer });
      else reject(new Error(`not held up: ${text}`));
    });
  });
}
