import { join } from 'node:path';
import { SdmError } from '../common/errors.js';
import { run } from '../common/exec.js';
import { HttpClient } from '../common/http-client.js';
import { projectDir } from '../common/paths.js';
import { waitFor } from '../common/wait.js';
import type { AttachmentView, PlatformView } from '../controller/views.js';
import type { Rack } from '../rack/index.js';

export type { AttachmentView, PlatformView } from '../controller/views.js';

const COMMAND_MS = 180_000;
/** After a release, for lenders to prove that all is zero. */
const SCRUB_MS = 60_000;
/** What a platform of the demo has; the brick's one CPU stands for as many. */
export const CORES = 2;

/** The commands of the demo that a person would type on the host. */
export class Operator {
  readonly #rack: Rack;
  readonly #signal: AbortSignal;

  constructor(rack: Rack, signal: AbortSignal) {
    this.#rack = rack;
    this.#signal = signal;
  }

  /** The controller's id of brick `n`. */
  brickId(n: number): string {
    return this.#rack.state().bricks.find((brick) => brick.n === n)?.id ?? '';
  }

  /** As it can be typed. */
  createCommand(n: number, size: string): string[] {
    return [
      ...['platform', 'create', '--cores', String(CORES), '--remote', size],
      ...['--brick', this.brickId(n), '--mode', 'system-ram', '--node', '1'],
    ];
  }

  async create(n: number, size: bigint): Promise<PlatformView> {
    return (await this.#sdm([...this.createCommand(n, String(size)), '--json'])) as PlatformView;
  }

  async release(platform: PlatformView): Promise<void> {
    await this.#sdm(['platform', 'release', String(platform.id), '--json']);
  }

  /** Segments of each lender, when all of them are clean. */
  async cleanSegments(): Promise<{ readonly brick: string; readonly segments: number }[]> {
    const lenders = this.#rack.state().control?.lenders ?? [];
    return Promise.all(
      lenders.map(async ({ id, address }) => {
        const client = new HttpClient(address);
        try {
          const segments = await waitFor(
            `lender ${id} to have scrubbed all`,
            async () => allClean(await client.call('GET', '/v1/lender')),
            { timeoutMs: SCRUB_MS, signal: this.#signal },
          );
          return { brick: id, segments };
        } finally {
          client.close();
        }
      }),
    );
  }

  async #sdm(args: readonly string[]): Promise<unknown> {
    const { controller } = this.#rack.state().control ?? { controller: '' };
    const command = [process.execPath, join(projectDir(), 'bin/sdm'), ...args] as const;
    const { code, stdout, stderr } = await run(
      [command[0], ...command.slice(1), '--controller', controller],
      { timeoutMs: COMMAND_MS, signal: this.#signal, okCodes: [0, 1, 2] },
    );
    if (code === 0) return JSON.parse(stdout);
    const said = stderr.trim() || stdout.trim();
    throw new SdmError('SDM_DEMO', `"sdm ${args.join(' ')}" ended with ${code}: ${said}`);
  }
}

/** Such as "0 > dbesm-0-0 0:8 > 0". */
export function pathText({ path }: AttachmentView): string {
  const { computeTransceiver, hops, memoryTransceiver } = path;
  const ways = hops.map((hop) => `${hop.switch} ${hop.in}:${hop.out}`);
  return [computeTransceiver, ...ways, memoryTransceiver].join(' > ');
}

function allClean(view: unknown): number | undefined {
  const { counts } = view as { readonly counts: Readonly<Record<string, number>> };
  const all = Object.values(counts).reduce((sum, each) => sum + each, 0);
  return counts['clean'] === all ? all : undefined;
}
