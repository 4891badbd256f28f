import { open } from 'node:fs/promises';
import { SdmError } from '../../common/errors.js';
import { checkJson, pathText, placeIn } from '../../common/json-scan.js';
import { hex, parseSize } from '../../common/units.js';
import { topologyError } from './fault.js';
import { topologyFaults } from './topology-check.js';
import type { BrickEntry, Topology } from './topology-schema.js';

/** Bytes of a file; the largest that `sdm topology generate` makes is smaller. */
export const MAX_FILE = 80 * 1024 * 1024;
/** Deeper than a topology goes. */
const MAX_DEPTH = 24;
const MAX_VALUES = 12_000_000;

/**
 * Reads and checks a topology file, or standard input for "-".
 * @returns sizes and addresses as "0x…", in whatever form the file has them.
 * @throws SdmError SDM_TOPOLOGY, naming file, line, column and place in it, what was expected and what
 *   was found; `details.faults` has the first 20.
 */
export async function readTopology(path: string): Promise<Topology> {
  return parseTopology(await readText(path), path === '-' ? 'standard input' : path);
}

/** The same of a text. @param file what errors call it. */
export function parseTopology(text: string, file = 'topology'): Topology {
  const fault = checkJson(text, { depth: MAX_DEPTH, values: MAX_VALUES });
  if (fault !== undefined) {
    const { line, column } = placeIn(text, fault.index);
    const at = pathText(fault.path);
    const where = `${file}:${line}:${column}: ${at === '' ? '' : `${at}: `}`;
    throw new SdmError('SDM_TOPOLOGY', `${where}expected ${fault.expected}, found ${fault.found}`, {
      details: { file, line, column, path: at, expected: fault.expected, found: fault.found },
    });
  }
  return toTopology(JSON.parse(text), file, text);
}

/**
 * Checks what is a value already.
 * @param text that the value was read from, for lines and columns.
 * @throws SdmError SDM_TOPOLOGY.
 */
export function toTopology(value: unknown, file = 'topology', text?: string): Topology {
  const faults = topologyFaults(value);
  if (faults.length > 0) throw topologyError(faults, file, text);
  return normal(value as Topology);
}

async function readText(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // not by /dev/stdin: where that is a socket, it cannot be opened
    const source =
      path === '-'
        ? process.stdin
        : (await open(path)).createReadStream({ highWaterMark: 1 << 20 });
    // not by its size: a pipe has none
    for await (const chunk of source) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (length > MAX_FILE) break;
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new SdmError('SDM_TOPOLOGY', `cannot read the topology ${path} (${code ?? message})`, {
      details: { file: path },
      cause,
    });
  }
  if (length > MAX_FILE) {
    throw new SdmError(
      'SDM_TOPOLOGY',
      `${path} is longer than ${MAX_FILE} bytes; expected a topology, which is shorter`,
      { details: { file: path, limit: MAX_FILE } },
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks, length));
  } catch (cause) {
    throw new SdmError('SDM_TOPOLOGY', `${path} is not UTF-8; expected a JSON file`, {
      details: { file: path },
      cause,
    });
  }
}

/** Sizes as everything else in the project has them. */
function normal(topology: Topology): Topology {
  const { segmentSize } = topology;
  return {
    ...topology,
    ...(segmentSize === undefined ? {} : { segmentSize: hex(parseSize(segmentSize)) }),
    racks: topology.racks.map((rack) => ({
      ...rack,
      boxes: rack.boxes.map((box) => ({
        ...box,
        trays: box.trays.map((tray) => ({ ...tray, bricks: tray.bricks.map(normalBrick) })),
      })),
    })),
  };
}

/** A brick with its sizes as "0x…". */
export function normalBrick(brick: BrickEntry): BrickEntry {
  if (brick.type === 'compute') return { ...brick, memory: hex(parseSize(brick.memory)) };
  if (brick.type === 'memory' && brick.base !== undefined) {
    return { ...brick, base: hex(BigInt(brick.base)) };
  }
  return brick;
}
