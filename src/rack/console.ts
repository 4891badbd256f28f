import { connect } from 'node:net';
import type { ReadStream } from 'node:tty';
import { SdmError } from '../common/errors.js';
import type { BrickLayout } from './layout.js';
import { Qmp } from './qmp.js';

/** Ctrl-], as in telnet. */
export const ESCAPE = 0x1d;

interface ChardevInfo {
  readonly label: string;
  readonly filename: string;
}

/**
 * Joins the terminal and a brick's serial console until Ctrl-], the end of input, or the end of the
 * brick. The terminal is raw meanwhile: every key goes to the brick.
 * @throws SdmError SDM_RACK_BRICK if the console cannot be reached or somebody else is at it.
 */
export async function attachConsole(
  brick: BrickLayout,
  input: NodeJS.ReadStream | ReadStream = process.stdin,
  output: NodeJS.WriteStream = process.stdout,
  notes: NodeJS.WriteStream = process.stderr,
): Promise<void> {
  await refuseTaken(brick);
  const socket = connect(brick.consoleSocket);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (cause) => reject(unreachable(brick, cause.message, cause)));
    });
    notes.write(`console of brick ${brick.n}; Ctrl-] leaves\r\n`);
    if (input.isTTY) input.setRawMode(true);
    const why = await new Promise<string>((resolve) => {
      socket.on('data', (data) => output.write(data));
      socket.once('close', () => resolve('the brick ended'));
      socket.on('error', () => resolve('the connection was lost'));
      input.on('data', (data: Buffer) => {
        const end = data.indexOf(ESCAPE);
        socket.write(end < 0 ? data : data.subarray(0, end));
        if (end >= 0) resolve('left the console');
      });
      input.once('end', () => resolve('end of input'));
    });
    notes.write(`\r\n${why}\r\n`);
  } finally {
    if (input.isTTY) input.setRawMode(false);
    input.pause();
    input.removeAllListeners('data');
    socket.destroy();
  }
}

/** QEMU serves one at a time and lets the next one wait without a word: it is asked first. */
async function refuseTaken(brick: BrickLayout): Promise<void> {
  let chardevs: readonly ChardevInfo[];
  try {
    const qmp = await Qmp.open(brick.qmpSocket);
    const answer = qmp.execute('query-chardev').finally(() => qmp.close());
    chardevs = (await answer) as readonly ChardevInfo[];
  } catch (cause) {
    throw unreachable(brick, 'QEMU does not answer', cause);
  }
  const console = chardevs.find(({ label }) => label === 'console');
  if (console !== undefined && !console.filename.startsWith('disconnected:')) {
    throw unreachable(brick, 'somebody else is at it; one at a time');
  }
}

function unreachable(brick: BrickLayout, why: string, cause?: unknown): SdmError {
  return new SdmError(
    'SDM_RACK_BRICK',
    `the console of brick ${brick.n} cannot be had: ${why} (${brick.consoleSocket})`,
    { details: { brick: brick.n, socket: brick.consoleSocket }, cause },
  );
}
