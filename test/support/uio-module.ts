import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/common/exec.js';
import { projectDir } from '../../src/common/paths.js';
import { ensureArtifacts } from '../../src/rack/artifacts/index.js';
import { collectModules } from '../../src/rack/artifacts/kernel.js';
import type { CpioEntry } from '../../src/rack/artifacts/index.js';

const SOURCES = join(projectDir(), 'kernel/tests/uio');
const BUILD_MS = 300_000;

/**
 * The modules by which a brick has its registers as a UIO device, in the order in which they are
 * inserted: what Debian's kernel has of UIO, and the driver of kernel/tests/uio, built anew.
 * @param to the directory of the brick that gets them.
 */
export async function uioModules(
  to: string,
): Promise<{ readonly files: CpioEntry[]; readonly insert: string; readonly remove: string }> {
  const { kernelRelease, kernelModules, kernelHeaders } = await ensureArtifacts();
  const work = mkdtempSync(join(tmpdir(), 'sdm-uio-'));
  try {
    const kernel = { release: kernelRelease, modules: kernelModules };
    const names = await collectModules({ signal: undefined }, kernel, ['uio'], join(work, 'stock'));
    cpSync(SOURCES, join(work, 'own'), { recursive: true });
    await run(
      [
        'make',
        ...['-C', kernelHeaders, `M=${join(work, 'own')}`],
        ...['CONFIG_DEBUG_INFO_BTF_MODULES=', 'modules'],
      ],
      { timeoutMs: BUILD_MS },
    );
    const own = 'uio_sdm_test.ko';
    const file = (name: string, from: string): CpioEntry => ({
      path: `${to}/${name}`,
      data: readFileSync(join(work, from, name)),
    });
    return {
      files: [...names.map((name) => file(name, 'stock')), file(own, 'own')],
      insert: [...names, own].map((name) => `insmod ${to}/${name}`).join(' && '),
      remove: [...names, own]
        .reverse()
        .map((name) => `rmmod ${name.replace('.ko', '')}`)
        .join(' && '),
    };
  } finally {
    rmSync(work, { recursive: true });
  }
}
