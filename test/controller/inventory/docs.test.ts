import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectDir } from '../../../src/common/paths.js';
import { compileTopology } from '../../../src/controller/inventory/compile.js';
import { parseTopology } from '../../../src/controller/inventory/topology-file.js';
import { TopologyFile } from '../../../src/controller/inventory/topology-schema.js';

const text = readFileSync(join(projectDir(), 'docs/topology.md'), 'utf8');

/** All keys that a schema names. */
function keysOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {} } = schema as { properties?: object };
  return [...Object.keys(properties), ...Object.values(schema).flatMap(keysOf)];
}

it('has an example that is a topology', () => {
  const example = /```json\n(.*?)```/s.exec(text)![1]!;
  expect(compileTopology(parseTopology(example)).columns.compute.count).toBe(1);
});

it('says what every key means', () => {
  const table = text.slice(text.indexOf('### Every key'), text.indexOf('### When'));
  const keys = new Set(keysOf(JSON.parse(JSON.stringify(TopologyFile.properties))));
  for (const key of [...Object.keys(TopologyFile.properties), ...keys]) {
    expect(table).toContain(`\`${key}\``);
  }
});
