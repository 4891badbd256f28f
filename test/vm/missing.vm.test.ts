import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attachment } from '../../src/agent/api/schemas.js';
import type { Rack } from '../../src/rack/index.js';
import {
  agentJson,
  agentRefuses,
  expectCleanKernelLog,
  inBrick,
  testRack,
} from '../support/rack.js';

const POOL = '/sys/bus/pci/devices/0000:00:03.0';
const PROBE = { usable: 0, inPart: 1, not: 2 };

let rack: Rack;

/** sdm-agent probe exits with its verdict, so it is not a failure of the command. */
async function probe(): Promise<{ code: number; text: string }> {
  const { code, stdout } = await rack.exec(1, 'sdm-agent probe');
  return { code, text: stdout };
}

/** The agent's process is replaced by its supervisor; it serves when the new one answers. */
async function restartAgent(): Promise<void> {
  await inBrick(
    rack,
    1,
    String.raw`old=$(ps -o pid,args | sed -n 's/^ *\([0-9]*\) .*sdm-agent.cjs serv[e] .*/\1/p') && ` +
      'kill $old && ' +
      // 300 looks, 30 s and more: an agent without attachments stops in a moment.
      'n=300 && while [ -d /proc/$old ]; do [ $((n -= 1)) -gt 0 ] || { ' +
      'echo "the agent, process $old, did not stop at SIGTERM" >&2; exit 1; }; sleep 0.1; done && ' +
      'brickready --timeout 60 --agent /run/sdm/agent.sock',
  );
}

beforeAll(async () => {
  rack = await testRack('missing', { bricks: 1, append: 'sdm.module=no' });
});
afterAll(() => rack?.down());

// In order: each test goes on from what the one before has left.
describe('a brick that lacks something', () => {
  it('has no module: the agent serves, probe and attach say what to do', async () => {
    const { code, text } = await probe();
    expect(code).toBe(PROBE.inPart);
    expect(text).toMatch(/sdmc_mem.*(insmod|modprobe)/s);
    for (const mode of ['system-ram', 'device']) {
      const { line } = await agentRefuses(rack, 1, `attach --size 256M --mode ${mode}`);
      expect(line).toMatch(/^sdm-agent: SDM_NO_MODULE: .*(insmod|modprobe)/);
    }
    expect(await agentJson(rack, 1, 'list')).toEqual([]);
  });

  it('has a module that the kernel refuses: the same, and the kernel says why', async () => {
    await inBrick(
      rack,
      1,
      // Of a kernel built another way. The release is not compared where symbols have versions.
      "sed '/vermagic=/s/ SMP / UNI /' /opt/sdm/sdmc_mem.ko >/tmp/other-kernel.ko",
    );
    const { code } = await rack.exec(1, 'insmod /tmp/other-kernel.ko');
    expect(code).not.toBe(0);
    expect(await inBrick(rack, 1, 'dmesg')).toMatch(/sdmc_mem: version magic '/);
    const { line } = await agentRefuses(rack, 1, 'attach --size 256M');
    expect(line).toMatch(/^sdm-agent: SDM_NO_MODULE: /);
  });

  it('has the module of another version of SDM: refused by name of both', async () => {
    for (const version of ['1.0', '9.0']) {
      await inBrick(
        rack,
        1,
        `sed 's/version=1\\.2/version=${version}/' /opt/sdm/sdmc_mem.ko >/tmp/other.ko && ` +
          `insmod /tmp/other.ko && grep -x ${version} /sys/module/sdmc_mem/version`,
      );
      const { line } = await agentRefuses(rack, 1, 'attach --size 256M');
      expect(line).toMatch(/^sdm-agent: SDM_WRONG_MODULE: /);
      expect(line).toContain(`is version ${version}, and this agent needs 1.1`);
      expect((await probe()).code).toBe(PROBE.inPart);
      await inBrick(rack, 1, 'rmmod sdmc_mem');
    }
  });

  it('gets the right module: attach works without a restart', async () => {
    await inBrick(rack, 1, 'insmod /opt/sdm/sdmc_mem.ko');
    const attachment = await agentJson<Attachment>(rack, 1, 'attach --size 256M');
    expect(attachment.state).toBe('online');
    await agentJson(rack, 1, `detach ${attachment.id}`);
    expect((await probe()).code).toBe(PROBE.usable);
  });

  it('was not booted for memory maps in the memory: the module says what that takes', async () => {
    const { code, stdout } = await rack.exec(
      1,
      'cd /sys/class/misc/sdm-window && read -r start size <window && ' +
        'range="$start 0x8000000" && echo $range >claim && ' +
        'echo $range 1 memmap >add; cat error && echo $range >release',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/ memmap: .*memory_hotplug\.memmap_on_memory=1.* 2048 KiB/);
  });

  it('has no pool: the agent serves memports, and refuses to attach', async () => {
    await inBrick(rack, 1, 'echo none >/sys/class/misc/sdm-window/window');
    await inBrick(rack, 1, `echo 1 >${POOL}/remove`);
    await restartAgent();
    const { line } = await agentRefuses(rack, 1, 'attach --size 256M');
    expect(line).toMatch(/^sdm-agent: SDM_NO_POOL: /);
    expect(await agentJson<unknown[]>(rack, 1, 'memport list')).toHaveLength(32);
    const { code, text } = await probe();
    expect(code).toBe(PROBE.inPart);
    expect(text).toMatch(/pool/);
    await expectCleanKernelLog(rack, 1);
  });
});
