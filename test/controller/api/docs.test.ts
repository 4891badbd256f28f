import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MESSAGES, METHOD_NAMES, METHODS } from '../../../src/abi/d44/api.js';
import { scratchDir } from '../../support/scratch.js';
import { exchange } from './raw.js';
import { makePlace, startController, type Running } from './start.js';
import { smallTopology } from './topology.js';

const page = readFileSync(resolve(import.meta.dirname, '../../../docs/controller-api.md'), 'utf8');
let controller: Running;
beforeAll(async () => {
  const place = makePlace(join(scratchDir('controller-docs'), 'c'), smallTopology());
  controller = await startController(place);
});
afterAll(() => controller?.stop());

it('names every route', async () => {
  const { paths } = (await controller.ask('GET', '/openapi.json')).body as { paths: object };
  for (const path of Object.keys(paths)) {
    expect(page.includes(path), path).toBe(true);
  }
});

it('names every metric and every kind of event', async () => {
  const { text } = await exchange(controller.client.address, 'GET', '/metrics');
  const metrics = new Set([...text.matchAll(/^# TYPE (sdm_\w+)/gm)].map(([, name]) => name!));
  metrics.delete('sdm_build_info'); // of every daemon: docs/metrics.md
  expect([...metrics].filter((name) => !page.includes(`\`${name}`))).toEqual([]);
  const { components } = (await controller.ask('GET', '/openapi.json')).body as {
    components: { schemas: { Event: { anyOf: { properties: { kind: { enum: [string] } } }[] } } };
  };
  for (const { properties } of components.schemas.Event.anyOf) {
    const kind = properties.kind.enum[0];
    expect(page.includes(`\`${kind}\``), kind).toBe(true);
  }
});

it("has D4.4's methods, arguments, results and sentences", () => {
  for (const name of METHOD_NAMES) {
    const { args, results } = METHODS[name];
    const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\``))!;
    for (const each of [...args, ...results]) expect(row, name).toContain(`\`${each.name}\``);
  }
  for (const message of Object.values(MESSAGES)) {
    expect(page).toContain(
      message.replace(/^Resource.*\(maybe invoke pm\?\)$/, '… (maybe invoke pm?)'),
    );
  }
});
