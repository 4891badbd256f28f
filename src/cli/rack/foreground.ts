import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { SdmError } from '../../common/errors.js';

/**
 * Runs a command on our own terminal, input and output, and takes over its exit code. Signals of the
 * terminal reach it directly; those sent to us are passed on, and it decides.
 */
export async function foreground(argv: readonly [string, ...string[]]): Promise<void> {
  const [command, ...args] = argv;
  const child = spawn(command, args, { stdio: 'inherit' });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  const ignore = (): void => {};
  process.on('SIGTERM', pass);
  process.on('SIGHUP', pass);
  process.on('SIGINT', ignore);
  try {
    process.exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(
          new SdmError('SDM_COMMAND', `${command} cannot be run: ${cause.message}`, { cause }),
        ),
      );
      child.once('exit', (code, signal) =>
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
      );
    });
  } finally {
    process.off('SIGTERM', pass);
    process.off('SIGHUP', pass);
    process.off('SIGINT', ignore);
  }
}
