import { join } from 'node:path';
import { SdmError } from '../../src/common/errors.js';
import { run } from '../../src/common/exec.js';
import { projectDir } from '../../src/common/paths.js';

const PACK_MS = 15 * 60_000;
const INSTALL_MS = 5 * 60_000;
/** npm's own pauses would make minutes of a network that is not there. */
const RETRY = [
  '--fetch-retries=1',
  '--fetch-retry-mintimeout=500',
  '--fetch-retry-maxtimeout=1000',
];
/** What npm calls a registry that it does not reach. */
const OFFLINE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED)\b/;

export interface Packed {
  readonly path: string;
  /** Of the archive, bytes. */
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** Makes the package as it would be published, in `to`. Addons that are up to date are kept. */
export async function packPackage(to: string): Promise<Packed> {
  const { stdout } = await run(['npm', 'pack', '--json', '--pack-destination', to], {
    cwd: projectDir(),
    timeoutMs: PACK_MS,
  });
  // What the scripts say comes first. Newer versions of npm give an object by name, older ones a list.
  const json: unknown = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
  const [pack] = Object.values(json as Record<string, Omit<Packed, 'path'> & { filename: string }>);
  if (pack === undefined) throw new Error(`npm pack made nothing: ${stdout}`);
  return { path: join(to, pack.filename), size: pack.size, files: pack.files };
}

/**
 * Installs a package as an operator does, for all users of a machine whose /usr/local is `prefix`.
 * @param npmArgs such as "--cpu=arm64" for another machine.
 * @returns why it could not be done for want of a network; undefined: it is installed.
 */
export async function installPackage(
  tarball: string,
  prefix: string,
  { npmArgs = [], env }: { npmArgs?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<string | undefined> {
  const argv = ['npm', 'install', '--global', `--prefix=${prefix}`, '--omit=dev'] as const;
  try {
    await run([...argv, '--prefer-offline', ...RETRY, ...npmArgs, tarball], {
      timeoutMs: INSTALL_MS,
      ...(env === undefined ? {} : { env }),
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof SdmError) || !OFFLINE.test(error.message)) throw error;
    return `npm's registry is not reached (${OFFLINE.exec(error.message)?.[0]})`;
  }
}
