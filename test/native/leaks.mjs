// Everything that the addon can do, many times, in the main thread and in workers; what is lost in
// the end is found by LeakSanitizer. Run by scripts/test-native.mjs, with the addon in SDM_NATIVE.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const native = createRequire(import.meta.url)(process.env.SDM_NATIVE);
const ROUNDS = 20;

/** What is meant to fail; that it does so is for other tests to see. */
const ignore = (act) => {
  try {
    return act();
  } catch {
    return undefined;
  }
};

async function exercise(directory, name) {
  const at = (file) => join(directory, `${name}-${file}`);
  const registers = at('registers');
  const pool = at('pool');
  for (const [file, size] of [
    [registers, 0x10000],
    [pool, 1 << 22],
  ]) {
    writeFileSync(file, '');
    truncateSync(file, size);
  }
  native.formatRegisters({ path: registers }, { profile: 'zynq' });
  for (let round = 0; round < ROUNDS; round += 1) {
    const lock = native.lockFile(at('lock'));
    ignore(() => native.lockFile(at('lock')));
    ignore(() => native.lockFile(pool));
    ignore(() => native.lockFile());
    ignore(() => native.openRegisters({ path: pool }));
    ignore(() => native.openRegisters({ pci: '0000:00:99.9', resource: 0 }));
    ignore(() => native.formatRegisters({ path: registers }, { profile: 'zynq' }));
    ignore(() => native.sdNotify(''));
    const block = native.openRegisters({ path: registers }, { checkAlignment: false });
    ignore(() => native.openRegisters({ path: registers }));
    block.staging.set([1n, 0x400000000n, 0x40fffffffn, 0n, 1n, 1n, BigInt(1 - (round % 2))]);
    block.program(1);
    block.snapshot(new BigUint64Array(32 + 32 * 8));
    ignore(() => block.read(1));
    block.writeEpoch(BigInt(round));
    block.resetLink(1);
    // Every other one is left to the garbage collector, or to the end of its environment.
    if (round % 2 === 0) block.close();
    else block[Symbol.for('left')] = block;
    if (round % 2 === 1) native.openRegisters({ path: registers }, { writable: false });
    const map = native.mapMemory({ path: pool, length: 1n << 22n, writable: true });
    const abort = new AbortController();
    const calls = [
      map.fill(BigInt(round), { onProgress() {} }),
      map.checksum({ signal: abort.signal }),
      map.findOther(BigInt(round), {
        onProgress() {
          throw new Error('enough');
        },
      }),
      map.compare(map, 0n),
      map.copyFrom(map, 8n),
      map.copyFrom({}, 0n),
      native.writeWithDeadline('/dev/null', 'x', 1000),
      native.writeWithDeadline(at('nothing'), 'x', 1000),
      native.writeWithDeadline(join(directory, 'fifo'), 'x', 1),
    ];
    abort.abort(new Error('no more'));
    await Promise.allSettled(calls);
    map.write(0n, new Uint8Array(8));
    map.read(0n, new Uint8Array(8));
    if (round % 3 === 0) map.close();
    if (block.close && round % 2 === 1) block.close();
    if (round < ROUNDS - 1 || isMainThread) lock.close();
  }
}

if (isMainThread) {
  const directory = mkdtempSync(join(tmpdir(), 'sdm-leaks-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  execFileSync('mkfifo', [join(directory, 'fifo')]);
  await exercise(directory, 'main');
  const ways = ['end', 'exit', 'terminate'];
  await Promise.all(
    ways.map(
      (way) =>
        new Promise((resolve, reject) => {
          const file = fileURLToPath(import.meta.url);
          const worker = new Worker(file, { workerData: { directory, way } });
          worker.on('message', () => void worker.terminate());
          worker.on('error', reject);
          worker.on('exit', resolve);
        }),
    ),
  );
  console.log('done');
} else {
  const { parentPort } = await import('node:worker_threads');
  const { directory, way } = workerData;
  await exercise(directory, way);
  if (way === 'exit') process.exit(0);
  if (way === 'terminate') {
    parentPort.on('message', () => {});
    parentPort.postMessage(0);
  }
}
