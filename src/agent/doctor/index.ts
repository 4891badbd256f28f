import { hardware } from './checks/hardware.js';
import { journal } from './checks/journal.js';
import { kernel } from './checks/kernel.js';
import { limits } from './checks/limits.js';
import { links } from './checks/links.js';
import { memory } from './checks/memory.js';
import { module } from './checks/module.js';
import { numa } from './checks/numa.js';
import { service } from './checks/service.js';
import { setup } from './checks/setup.js';
import { state } from './checks/state.js';
import { AREAS, LEVELS, type Finding, type Level } from './finding.js';
import type { Report } from './report.js';
import { scratch } from './scratch/index.js';
import { look, type DoctorOptions, type Surroundings } from './surroundings.js';

export type { Report } from './report.js';
export type { DoctorOptions } from './surroundings.js';

/**
 * Examines a brick for running the agent. Changes nothing, but that a device that was off is enabled
 * and, unless `scratch` is false, that a free memport is set and cleared again.
 * @throws SdmError SDM_CANCELLED when the signal fired; nothing is left then.
 */
export async function examine(options: DoctorOptions): Promise<Report> {
  const s = await look(options);
  options.signal?.throwIfAborted();
  const findings = [...judge(s), await scratch(s, options.scratch)];
  options.signal?.throwIfAborted();
  const byArea = AREAS.flatMap((area) => findings.filter((finding) => finding.area === area));
  const { name, uid, from } = s.runner;
  return {
    brick: s.brick.brick,
    config: s.config.path,
    socket: s.settings.socket,
    agent: s.agent.kind,
    runner: { name, uid, from },
    counts: countsOf(byArea),
    findings: byArea,
  };
}

/** Everything but what has to be tried. A brick that is a process has no use for the kernel. */
function* judge(s: Surroundings): Generator<Finding> {
  yield* setup(s);
  yield* service(s);
  yield* state(s);
  yield journal(s);
  yield* hardware(s);
  yield links(s);
  if (s.settings.registers.backend !== 'file') {
    yield* kernel(s);
    yield* memory(s);
    yield* module(s);
    yield* numa(s);
  }
  yield* limits(s);
}

function countsOf(findings: readonly Finding[]): Record<Level, number> {
  const count = (level: Level): number => findings.filter((f) => f.level === level).length;
  return Object.fromEntries(LEVELS.map((level) => [level, count(level)])) as Record<Level, number>;
}
