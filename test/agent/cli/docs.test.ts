import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createServer } from '../../../src/agent/api/server.js';
import { ConfigFile } from '../../../src/agent/config-schema.js';
import { parseConfig } from '../../../src/agent/config.js';
import { createLog } from '../../../src/common/log.js';
import { sdmAgent } from '../../support/agent.js';
import { FakeCore } from '../api/fake-core.js';

const doc = (name: string) =>
  readFileSync(resolve(import.meta.dirname, '../../../docs', name), 'utf8');

describe('docs/agent-api.md', () => {
  it('names every route', async () => {
    const probe = () => Promise.reject(new Error('not here'));
    const { app } = await createServer(
      { brick: 'b', agent: new FakeCore(), probe },
      createLog('test', 'silent'),
    );
    const { paths } = (await app.inject('/openapi.json')).json() as {
      paths: Record<string, object>;
    };
    await app.close();
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `\`${method.toUpperCase()} ${path}\``),
    );
    expect(routes).not.toEqual([]);
    expect(routes.filter((route) => !doc('agent-api.md').includes(`| ${route} |`))).toEqual([]);
  });
});

describe('docs/agent-cli.md', () => {
  it('names every command', async () => {
    const { stdout } = await sdmAgent(['--help']);
    const commands = [...stdout.matchAll(/^ {2}([a-z]+)\b/gm)].map((match) => match[1]!);
    expect(commands).toContain('serve');
    const headings = doc('agent-cli.md')
      .split('\n')
      .filter((line) => line.startsWith('## '))
      .join(' ');
    expect(commands.filter((name) => name !== 'help' && !headings.includes(name))).toEqual([]);
  });

  it('names every key of the configuration', () => {
    const keys = Object.keys(ConfigFile.properties);
    expect(keys.filter((key) => !doc('agent-cli.md').includes(`| \`${key}\` |`))).toEqual([]);
  });

  it('gives the defaults that the agent has', () => {
    const config = parseConfig({ brick: 'b', registers: { backend: 'bar' } }, 'x', {});
    const { socket, node, offlineTimeoutMs, linkPollMs, stateDir, log } = config;
    for (const value of [socket, node, offlineTimeoutMs, linkPollMs, stateDir, log]) {
      expect(doc('agent-cli.md')).toMatch(new RegExp(`\\| \`?${value}\`? \\|`));
    }
  });
});
