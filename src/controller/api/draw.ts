import { Readable } from 'node:stream';
import { dot } from '../inventory/export-dot.js';
import { gexf } from '../inventory/export-gexf.js';
import type { Topology } from '../inventory/topology-schema.js';
import type { ControllerCore } from '../types.js';

/** The topology, and what is reserved of it, as a drawing program reads it; made as it is sent. */
export function draw(core: ControllerCore, format: 'gexf' | 'dot'): Readable {
  const topology = core.topology() as Topology;
  const reserved = { bricks: core.bricks(), platforms: core.list() };
  return Readable.from(format === 'gexf' ? gexf(topology, reserved) : dot(topology, reserved));
}
