import type { Command } from 'commander';
import type { Memory } from '../../agent/api/schemas.js';
import { formatPairs, formatTable } from '../../common/table.js';
import { roughSize } from '../../common/units.js';
import { ask, speaksToAgent, type ClientOptions } from './client.js';
import { print, printJson, sizeText } from './output.js';

export function memoryCommands(program: Command): void {
  speaksToAgent(program.command('memory'))
    .description('memory of this brick and what of it is remote')
    .action(async (options: ClientOptions) => {
      const memory = (await ask(options, { path: '/v1/memory' })) as Memory;
      if (options.json) return printJson(memory);
      print(memoryText(memory));
    });
}

function memoryText(memory: Memory): string {
  const { module } = memory;
  const nodes = formatTable(
    ['NODE', 'MEMORY', 'FREE', 'TIER', 'DISTANCES'],
    memory.nodes.map((node) => [
      String(node.node),
      roughSize(BigInt(node.totalBytes)),
      roughSize(BigInt(node.freeBytes)),
      node.tier === undefined ? '-' : String(node.tier),
      node.distances.map((to) => `${to.node}:${to.distance}`).join(' '),
    ]),
  );
  const shares = formatTable(
    ['SHARE', 'SIZE', 'USED', 'SHARED'],
    memory.shares.map((share) => [
      share.start,
      sizeText(share.size),
      sizeText(share.usedBytes),
      share.shared ? 'yes' : 'no',
    ]),
  );
  const head = formatPairs([
    ['attached', sizeText(memory.attachedBytes)],
    ['memory block', memory.blockSize === undefined ? '-' : sizeText(memory.blockSize)],
    ['auto-online', memory.autoOnline ?? '-'],
    ['possible nodes', memory.possibleNodes.join(', ') || 'none'],
    ['module', module.state],
  ]);
  const advice = module.advice === undefined ? [] : [module.advice];
  return [head, nodes, shares, ...advice].join('\n\n');
}
