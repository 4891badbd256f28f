// Speaks to the agent of the brick that it runs in; one process for many requests, since each start
// of node takes an emulated brick seconds.
//
//   node guest-api.mjs run OPS      carries out the memport commands of a JSON file, in order
//   node guest-api.mjs clear        clears every memport that was set by hand
//   node guest-api.mjs ask          what the agent says of brick, attachments and transceivers
//   node guest-api.mjs serve        carries out requests as they come: {"method", "path", "body"}
//
// Prints one JSON value; `serve` a line for each line of its input: {"status", "body"}. The body of a
// stream of events is a list.
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createInterface } from 'node:readline';

const SOCKET = '/run/sdm/agent.sock';

function ask(method, path, body) {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { 'content-type': 'application/json' };
    const sent = request({ socketPath: SOCKET, method, path, headers }, (answer) => {
      let got = '';
      answer.setEncoding('utf8').on('data', (part) => (got += part));
      answer.on('end', () => {
        const stream = answer.headers['content-type']?.startsWith('text/event-stream');
        resolve({ status: answer.statusCode, body: stream ? events(got) : JSON.parse(got) });
      });
    });
    sent.on('error', reject).end(text);
  });
}

const events = (text) => [...text.matchAll(/^data: ?(.*)$/gm)].map(([, data]) => JSON.parse(data));

const hex = (value) => `0x${value.toString(16)}`;

/**
 * What came of a command, as far as it must not depend on the way to the registers. The fields of a
 * memport that is not set are what something else has left there.
 */
const essence = ({ status, body: { code, details, statusName, set, start, end, remote } }) => ({
  ...{ status, code, details, statusName, set },
  ...(set ? { start, end, remote } : {}),
});

async function carryOut(base, granule, { port, set, first, count, astray, skew, outId, inId }) {
  const path = `/v1/memports/${port}?override=true`;
  if (!set) return essence(await ask('DELETE', path));
  const start = base + BigInt(first) * granule + BigInt(skew);
  const remote = BigInt(first + astray) * granule + BigInt(skew);
  const body = {
    ...{ start: hex(start), size: hex(BigInt(count) * granule), remote: hex(remote) },
    ...{ outId: hex(BigInt(outId)), inId: hex(BigInt(inId)) },
  };
  return essence(await ask('PUT', path, body));
}

/** Goes on where an agent cannot be reached: it may be between two lives. */
async function serve() {
  for await (const line of createInterface({ input: process.stdin })) {
    const { method, path, body } = JSON.parse(line);
    const answer = await ask(method, path, body).catch(({ message }) => ({ failed: message }));
    console.log(JSON.stringify(answer));
  }
}

const MODES = {
  async run(file) {
    const { body } = await ask('GET', '/v1/brick');
    const { windowBase, granule } = body.registers;
    const results = [];
    for (const op of JSON.parse(readFileSync(file, 'utf8'))) {
      results.push(await carryOut(BigInt(windowBase), BigInt(granule), op));
    }
    return results;
  },
  async clear() {
    const { body } = await ask('GET', '/v1/memports');
    const manual = body.memports.filter(({ owner }) => owner === 'manual');
    const results = [];
    for (const { port } of manual) results.push(await ask('DELETE', `/v1/memports/${port}`));
    return results.map(({ status, body: { statusName } }) => ({ status, statusName }));
  },
  async ask() {
    const of = async (path) => (await ask('GET', path)).body;
    return {
      brick: await of('/v1/brick'),
      ...(await of('/v1/attachments')),
      ...(await of('/v1/transceivers')),
    };
  },
};

const [mode, ...args] = process.argv.slice(2);
if (mode === 'serve') await serve();
else console.log(JSON.stringify(await MODES[mode](...args)));
