import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readText } from '../../memory/sysfs.js';

/** How a kernel was configured; what is not named there is off. */
export interface KernelConfig {
  /** Where that was read. */
  readonly from: string;
  /** "y", "m", a value, or undefined: off. */
  get(name: string): string | undefined;
}

/** The configuration of the kernel that runs; undefined: no file says it. */
export function readKernelConfig(root: string, release: string): KernelConfig | undefined {
  const files = ['proc/config.gz', `boot/config-${release}`, `lib/modules/${release}/config`];
  for (const file of files) {
    const text = file.endsWith('.gz') ? unpacked(join(root, file)) : readText(join(root, file));
    if (text === undefined) continue;
    const values = new Map(
      [...text.matchAll(/^CONFIG_([A-Z0-9_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [
        name,
        value.replaceAll('"', ''),
      ]),
    );
    return { from: `/${file}`, get: (name) => values.get(name) };
  }
  return undefined;
}

function unpacked(path: string): string | undefined {
  try {
    return gunzipSync(readFileSync(path)).toString('utf8');
  } catch {
    return undefined;
  }
}

/** The kernel's command line by option; "" for one that has no value. */
export function readCommandLine(root: string): Map<string, string> {
  const text = readText(join(root, 'proc/cmdline')) ?? '';
  return new Map(
    text
      .split(/\s+/)
      .filter(Boolean)
      .map((option) => {
        const at = option.indexOf('=');
        return at < 0 ? [option, ''] : [option.slice(0, at), option.slice(at + 1)];
      }),
  );
}
