import { Command } from 'commander';
import { cancellable } from '../cli/cancellable.js';
import { countArgument, sizeArgument } from '../cli/rack/options.js';
import { runCli } from '../cli/run.js';
import { Progress } from '../common/progress.js';
import { formatTable } from '../common/table.js';
import { formatSize } from '../common/units.js';
import { ensureArtifacts } from '../rack/artifacts/index.js';
import { SdmError } from '../common/errors.js';
import { planRack, SHARE_STEP } from '../rack/plan.js';
import { checkRack, openRack, rackUp, type Rack } from '../rack/index.js';
import { BrickStory } from './story.js';
import { tellInOrder } from './transcript.js';
import { whatToTry } from './what-to-try.js';

interface DemoOptions {
  readonly name: string;
  readonly bricks: number;
  readonly size?: bigint;
  readonly keep?: true;
}

const DEFAULT_SIZE = 1n << 30n;

const program = new Command('demo')
  .description('bricks borrow memory from one pool, use it and give it back')
  .option('--name <rack>', 'name of the rack that it makes', 'demo')
  .option('-b, --bricks <number>', 'how many bricks', countArgument, 2)
  .option('--size <size>', 'what each borrows (default: 1 GiB)', sizeArgument)
  .option('--keep', 'leave the bricks running at the end')
  .action((options: DemoOptions) => cancellable((signal) => demo(options, signal)));

async function demo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const { name, bricks, size = DEFAULT_SIZE, keep } = options;
  checkSize(size, bricks);
  const progress = new Progress();
  let rack: Rack | undefined;
  let finished = false;
  try {
    // Before the downloads, which would be for nothing.
    await checkRack({ name, bricks });
    const artifacts = await ensureArtifacts({ progress, signal });
    const boot = performance.now();
    rack = await progress.step(`Boot ${countOf(bricks)}`, (report) =>
      rackUp({ name, bricks, artifacts, progress, onProgress: report, keepLogs: true, signal }),
    );
    const bootMs = performance.now() - boot;
    const stories = await tell(rack, bricks, size, progress, signal);
    progress.note(`\n${timeTable(bootMs, stories)}`);
    finished = true;
  } finally {
    if (rack !== undefined && !(finished && keep === true)) {
      const keepLogs = !finished && !signal.aborted;
      await progress.step('Stop the bricks and remove the rack', () =>
        openRack(name).down({ keepLogs }),
      );
      if (keepLogs) progress.note(`Logs of consoles and agents: ${rack.layout.logsDir}`);
    }
  }
  progress.note(
    keep === true
      ? whatToTry(rack, bricks, size)
      : `\nDone: ${countOf(bricks)} borrowed ${formatSize(size)}${bricks === 1 ? '' : ' each'} from one pool and gave it back.`,
  );
}

/** Said before anything is booted: the agents would refuse it only then. */
function checkSize(size: bigint, bricks: number): void {
  const share = planRack({ bricks }).shares[0]?.size ?? 0n;
  if (size > 0n && size % SHARE_STEP === 0n && size <= share) return;
  throw new SdmError(
    'SDM_INPUT',
    `--size is ${formatSize(size)}; with ${countOf(bricks)} it must be a multiple of ` +
      `${formatSize(SHARE_STEP)} (the kernel’s memory block), up to ${formatSize(share)}`,
    { details: { size: String(size), share: String(share) } },
  );
}

/** All bricks hold their memory at once, before the first gives it back. */
async function tell(
  rack: Rack,
  bricks: number,
  size: bigint,
  progress: Progress,
  signal: AbortSignal,
): Promise<BrickStory[]> {
  const stories = Array.from(
    { length: bricks },
    (_, i) => new BrickStory(rack, i + 1, progress, signal),
  );
  const phase = (name: string, work: (story: BrickStory) => Promise<void>): Promise<void> =>
    progress.step(name, () => tellInOrder(stories, work));
  await phase('All bricks have borrowed memory and use it', (story) => story.borrow(size));
  signal.throwIfAborted();
  await phase('The host has found it in the pool', (story) => story.lookFromHost());
  signal.throwIfAborted();
  await phase('All bricks have given it back', (story) => story.giveBack());
  return stories;
}

function timeTable(bootMs: number, stories: readonly BrickStory[]): string {
  const steps = [...new Set(stories.flatMap((story) => [...story.times.keys()]))];
  const rows = steps.map((step) => [
    step,
    ...stories.map((story) => milliseconds(story.times.get(step))),
  ]);
  const bricks = stories.map(({ n }) => ({ title: `brick ${n}, ms`, align: 'right' as const }));
  return formatTable(
    ['step (emulated machines)', ...bricks],
    [['boot, all at once', ...stories.map(() => milliseconds(bootMs))], ...rows],
  );
}

function countOf(bricks: number): string {
  return bricks === 1 ? '1 brick' : `${bricks} bricks`;
}

function milliseconds(ms: number | undefined): string {
  if (ms === undefined) return '-';
  return ms < 10 ? ms.toFixed(1) : ms.toFixed(0);
}

await runCli(program, process.argv);
