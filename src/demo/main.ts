import { Command } from 'commander';
import { cancellable } from '../cli/cancellable.js';
import { countArgument, qemuOption, sizeArgument } from '../cli/rack/options.js';
import { runCli } from '../cli/run.js';
import { Progress } from '../common/progress.js';
import { formatTable } from '../common/table.js';
import { formatSize } from '../common/units.js';
import { ensureArtifacts } from '../rack/artifacts/index.js';
import { SdmError } from '../common/errors.js';
import { planRack, SHARE_STEP } from '../rack/plan.js';
import { checkRack, openRack, rackUp, type QemuKind, type Rack } from '../rack/index.js';
import { builtQemu, findQemu } from '../rack/qemu-binary.js';
import { Operator } from './operator.js';
import { BrickStory } from './story.js';
import { tellInOrder, type Teller } from './transcript.js';
import { TranslationStory } from './translation.js';
import { whatToTry } from './what-to-try.js';

interface DemoOptions {
  readonly name: string;
  readonly bricks: number;
  readonly qemu: QemuKind;
  readonly size?: bigint;
  readonly keep?: true;
}

const DEFAULT_SIZE = 1n << 30n;

const program = new Command('demo')
  .description(
    'bricks borrow memory from two lenders, use it and give it back, through the controller',
  )
  .option('--name <rack>', 'name of the rack that it makes', 'demo')
  .option('-b, --bricks <number>', 'how many bricks', countArgument, 2)
  .addOption(qemuOption())
  .option('--size <size>', 'what each borrows (default: 1 GiB)', sizeArgument)
  .option('--keep', 'leave the bricks running at the end')
  .action((options: DemoOptions) => cancellable((signal) => demo(options, signal)));

async function demo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const { name, bricks, qemu, size = DEFAULT_SIZE, keep } = options;
  checkSize(size, bricks);
  const progress = new Progress();
  let rack: Rack | undefined;
  let finished = false;
  try {
    // Before the downloads, which would be for nothing.
    await checkRack({ name, bricks, controller: true });
    // Here and not only by rackUp(), so that what it takes is a step of its own.
    if ((await findQemu(qemu, signal)) === undefined) await builtQemu({ progress, signal });
    const artifacts = await ensureArtifacts({ progress, signal });
    const boot = performance.now();
    rack = await progress.step(`Boot ${countOf(bricks)}`, (report) =>
      rackUp({
        name,
        bricks,
        qemu,
        controller: true,
        artifacts,
        progress,
        onProgress: report,
        keepLogs: true,
        signal,
      }),
    );
    const bootMs = performance.now() - boot;
    const times = await tell(rack, bricks, size, progress, signal);
    progress.note(`\n${timeTable(bootMs, times)}`);
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
      : `\nDone: ${countOf(bricks)} borrowed ${formatSize(size)}${bricks === 1 ? '' : ' each'} from two lenders and gave it back.`,
  );
}

/** Said before anything is booted: the agents would refuse it only then. */
function checkSize(size: bigint, bricks: number): void {
  const { lenders } = planRack({ bricks, controller: true });
  const lent = lenders.reduce((sum, lender) => sum + lender.size, 0n);
  const share = (lent / BigInt(bricks) / SHARE_STEP) * SHARE_STEP;
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
): Promise<Times[]> {
  const numbers = Array.from({ length: bricks }, (_, i) => i + 1);
  const stories = numbers.map((n) => new BrickStory(rack, n, progress, signal));
  const phase = phases(progress, signal);
  await phase('All bricks have borrowed memory and use it', stories, (story) => story.borrow(size));
  await phase('The host has found it in the pool', stories, (story) => story.lookFromHost());
  let times: Times[] = [];
  if (rack.qemu === 'patched') times = await tellOfTranslation(rack, numbers, progress, signal);
  await phase('All bricks have given it back', stories, (story) => story.giveBack());
  signal.throwIfAborted();
  await progress.step('The lenders have proven that all of it is zero', async () => {
    for (const { brick, segments } of await new Operator(rack, signal).cleanSegments()) {
      progress.note(`  all ${segments} segments of ${brick} are clean`);
    }
  });
  return stories.map((story, i) => new Map([...story.times, ...(times[i] ?? [])]));
}

/** While the bricks hold what they borrowed: the same device maps both. */
async function tellOfTranslation(
  rack: Rack,
  numbers: readonly number[],
  progress: Progress,
  signal: AbortSignal,
): Promise<Times[]> {
  const stories = numbers.map((n) => new TranslationStory(rack, n, progress, signal));
  const phase = phases(progress, signal);
  await phase('Parts of the pool are where each brick wants them', stories, (story) =>
    story.place(),
  );
  const seed = BigInt(Date.now());
  await phase('Brick 1 has written what all bricks have', stories.slice(0, 1), (story) =>
    story.use('write', seed),
  );
  await phase('All bricks have read it, at their own addresses', stories, (story) =>
    story.use('check', seed),
  );
  await phase('What no memport maps is out of reach', stories, (story) => story.reachBeyond());
  await phase('All bricks have given those parts back', stories, (story) => story.giveBack());
  return stories.map(({ times }) => times);
}

/** How long each step of a brick took, ms. */
type Times = ReadonlyMap<string, number>;

/** Runs a phase of the story as a step; none is begun after the signal. */
function phases(progress: Progress, signal: AbortSignal) {
  return async <T extends Teller>(
    name: string,
    stories: readonly T[],
    work: (story: T) => Promise<void>,
  ): Promise<void> => {
    signal.throwIfAborted();
    await progress.step(name, () => tellInOrder(stories, work));
  };
}

function timeTable(bootMs: number, bricks: readonly Times[]): string {
  const steps = [...new Set(bricks.flatMap((times) => [...times.keys()]))];
  const rows = steps.map((step) => [step, ...bricks.map((times) => milliseconds(times.get(step)))]);
  const titles = bricks.map((_, i) => ({ title: `brick ${i + 1}, ms`, align: 'right' as const }));
  return formatTable(
    ['step (emulated machines)', ...titles],
    [['boot, all at once', ...bricks.map(() => milliseconds(bootMs))], ...rows],
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
