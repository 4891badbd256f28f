import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../common/exec.js';
import { readText } from '../../memory/sysfs.js';

const NAME = 'sdmc_mem';
const ANSWER_MS = 10_000;

/** The file of the kernel module, as it lies on disk. */
export interface ModuleFile {
  readonly path: string;
  /** True: `modprobe` finds it. */
  readonly installed: boolean;
  /** undefined: it is compressed, and there is no modinfo to read it. */
  readonly info:
    | { readonly version: string; readonly vermagic: string; readonly srcversion: string }
    | undefined;
}

/** What `modinfo FILE` prints; a test hands in its own. */
export type Modinfo = (path: string) => Promise<string>;

const modinfo: Modinfo = async (path) => {
  const { stdout } = await run(['modinfo', path], { timeoutMs: ANSWER_MS });
  return stdout;
};

/** Where a module is looked for: what depmod knows, then where installations and racks put it. */
export async function findModuleFile(
  root: string,
  release: string,
  show: Modinfo = modinfo,
): Promise<ModuleFile | undefined> {
  const modules = `/lib/modules/${release}`;
  const listed = new RegExp(`^(\\S*/)?${NAME}\\.ko(\\.[a-z]+)?(?=:)`, 'm').exec(
    readText(join(root, modules, 'modules.dep')) ?? '',
  )?.[0];
  const folders = ['updates/dkms', 'updates', 'extra', 'misc'].map((name) => join(modules, name));
  const candidates = [
    ...(listed === undefined ? [] : [join(modules, listed)]),
    ...folders.map((folder) => join(folder, `${NAME}.ko`)),
    `/opt/sdm/${NAME}.ko`,
  ];
  const path = candidates.find((candidate) => existsSync(join(root, candidate)));
  if (path === undefined) return undefined;
  const installed = listed !== undefined && path === join(modules, listed);
  return { path, installed, info: await read(join(root, path), show) };
}

async function read(path: string, show: Modinfo): Promise<ModuleFile['info']> {
  const text = path.endsWith('.ko') ? inFile(path) : await show(path).catch(() => ''); // packed, and no modinfo here
  const get = (name: string): string =>
    new RegExp(`^${name}[=:]\\s*(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const vermagic = get('vermagic');
  return vermagic === ''
    ? undefined
    : { vermagic, version: get('version'), srcversion: get('srcversion') };
}

/** The section .modinfo is a row of "name=value", each ended by a zero. */
function inFile(path: string): string {
  return readFileSync(path, 'latin1')
    .split('\0')
    .filter((part) => /^(vermagic|version|srcversion)=/.test(part))
    .join('\n');
}
