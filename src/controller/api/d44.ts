/** D4.4's methods on the controller: the values of a request as a command, its result as an answer. */
import { MIB, type MethodName, type ResultName } from '../../abi/d44/api.js';
import type { Values } from '../../abi/d44/api-arguments.js';
import { SdmError } from '../../common/errors.js';
import { hex } from '../../common/units.js';
import type { Identity } from '../../common/server/identity.js';
import type { CommandOptions, ControllerCore, PlatformView, ShrinkResult } from '../types.js';

export type Results = Partial<Record<ResultName, number | string>>;

/** A call that only needs to be made; the same for all methods. */
export interface Call {
  run(options: CommandOptions): Promise<unknown>;
  results(result: unknown): Results;
  /** What `finish` needs of the result, kept with the answer. */
  memo?(result: unknown): unknown;
  /** See to its end what an earlier call only began. */
  finish?(memo: unknown): Promise<void>;
}

type Make = (core: ControllerCore, values: Values, who: Identity) => Call;

const CALLS: Readonly<Record<MethodName, Make>> = {
  getPlatform: (core, { cpus, memory, pathUtil }, who) => ({
    run: (options) =>
      core.allocate(
        { cores: cpus!, memory: inBytes(memory), ...given({ pathUtil }) },
        who,
        options,
      ),
    results: (result) => {
      const { id, ip } = result as PlatformView;
      return { PlatformID: id, computeBrickIP: ip ?? '' };
    },
  }),
  releasePlatform: (core, { platformID }, who) => ({
    run: (options) => core.release(platformID!, who, options),
    results: () => ({}),
    finish: () => core.release(platformID!, who).catch(unlessGone),
  }),
  allocateMemory: (core, { platformID, memory, pathUtil, migrateOK }, who) => ({
    run: (options) =>
      core.grow(
        platformID!,
        {
          size: inBytes(memory),
          ...given({ pathUtil }),
          ...(typeof migrateOK === 'number' ? { migrateOK: migrateOK === 1 } : {}),
        },
        who,
        options,
      ),
    results: (result) => {
      const { platform } = result as { readonly platform: PlatformView };
      const asked = typeof migrateOK === 'number';
      return { computeBrickIP: platform.ip ?? '', ...(asked ? { domigrate: 0 } : {}) };
    },
  }),
  freeMemory: (core, { platformID, memory }, who) => ({
    run: (options) =>
      core.shrink(
        platformID!,
        typeof memory === 'number' ? { size: inBytes(memory) } : {},
        who,
        options,
      ),
    results: () => ({}),
    memo: (result) => (result as ShrinkResult).detached,
    finish: async (detached) => {
      for (const attachment of detached as string[]) {
        await core.shrink(platformID!, { attachment }, who).catch(unlessGone);
      }
    },
  }),
  TotalResources: (core) => ({
    run: () => Promise.resolve(core.totals()),
    results: () => totals(core),
  }),
};

/** What a method is to do; it is not begun. */
export function callOf(
  name: MethodName,
  core: ControllerCore,
  values: Values,
  who: Identity,
): Call {
  return CALLS[name](core, values, who);
}

/** Without what the request left out: the core has its own defaults. */
function given({ pathUtil }: { readonly pathUtil: number | null | undefined }): {
  pathUtil?: number;
} {
  return typeof pathUtil === 'number' ? { pathUtil } : {};
}

function inBytes(mib: number | null | undefined): string {
  return hex(BigInt(mib ?? 0) * MIB);
}

function totals(core: ControllerCore): Results {
  const all = core.totals();
  const segmentSize = BigInt(all.segmentSize);
  const mib = (local: string, segments: number): number =>
    Number((BigInt(local) + BigInt(segments) * segmentSize) / MIB);
  return {
    TotalCores: all.cores,
    TotalMemory: mib(all.localMemory, all.segments),
    AvailableCores: all.coresFreeIsland,
    AvailableMemory: mib(all.localMemoryFree, all.segmentsFree),
  };
}

function unlessGone(error: unknown): void {
  if (!(error instanceof SdmError && error.code === 'SDM_NOT_FOUND')) throw error;
}
