import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Attachment } from '../../src/agent/api/schemas.js';
import { waitFor } from '../../src/common/wait.js';
import { brickProcesses } from '../../src/rack/brick.js';
import type { Rack } from '../../src/rack/index.js';
import { debianRack } from '../support/debian.js';
import { expectCleanKernelLog, inBrick, setMemports } from '../support/rack.js';
import { scratchDir } from '../support/scratch.js';

const SIZE = 256n << 20n;
const BOOT_MS = 240_000;
/** Under emulation systemd, udev and Node take their time; this only bounds what hangs. */
const UP_S = 100;

const scratch = scratchDir('systemd');
let rack: Rack;
let offline: string | undefined;

const root = (command: string): Promise<string> => inBrick(rack, 1, command);
/** As a user who is in no group but those that /etc/group gives. */
const as = (user: string, command: string, group = user): string =>
  `setpriv --reuid=${user} --regid=${group} --init-groups ${command}`;
const show = async (property: string): Promise<string> =>
  (await root(`systemctl show --property=${property} --value sdm-agent`)).trim();
const list = async (): Promise<Attachment[]> =>
  JSON.parse(await root(as('operator', 'sdm-agent list --json'))) as Attachment[];

/** Waits until the service is active with another process than `before`; gives that. */
async function active(before = '0'): Promise<string> {
  return (
    await root(
      `for i in $(seq ${UP_S * 2}); do` +
        ' now=$(systemctl show --property=MainPID --value sdm-agent);' +
        ` [ "$(systemctl is-active sdm-agent)" = active ] && [ "$now" != ${before} ] && break;` +
        ' sleep 0.5; done; systemctl is-active --quiet sdm-agent && echo "$now"',
    )
  ).trim();
}

/** The attachment is there, and used: blocks online, memport set, bytes as they were. */
async function expectInUse(): Promise<void> {
  const [attachment, ...others] = await list();
  expect(others).toEqual([]);
  expect(attachment).toMatchObject({ id: 'db', state: 'online', node: 1, owner: 'local' });
  expect(setMemports(rack, 1)).toMatchObject([{ start: BigInt(attachment!.start), status: 1 }]);
  const blocks = attachment!.blocks ?? [];
  expect(blocks).toHaveLength(Number(SIZE / (128n << 20n)));
  const states = await root(
    `for b in ${blocks.join(' ')}; do cat /sys/devices/system/memory/memory$b/state; done; ` +
      'memfill --node 1 --size 64M --seed 1',
  );
  expect(states).toMatch(/^(online\n){2}\d+ pages in node 1 filled and verified/);
}

beforeAll(async () => {
  const made = await debianRack('systemd', scratch);
  if (typeof made === 'string') offline = made;
  else rack = made;
}, 900_000);
afterAll(() => rack?.down());

describe('an agent that is installed as docs/service.md tells', { timeout: BOOT_MS }, () => {
  it('runs as a service, without rights of its own', async (context) => {
    if (offline !== undefined) context.skip(offline);
    expect((await root('systemctl is-system-running')).trim()).toBe('running');
    // What `make install` in kernel/ ends with; the file is there.
    await root('depmod');
    expect(await root('sdm-agent service install')).toContain('systemctl enable --now sdm-agent');
    const share = '{"start": "0x8000000", "size": "0x38000000"}';
    await root(
      `sed -i 's/"shares": \\[\\]/"shares": [${share}]/' /etc/sdm/agent.json && ` +
        'systemctl enable --now sdm-agent && usermod --append --groups sdm operator',
    );
    expect(await active()).not.toBe('');
    expect(await show('StatusText')).toBe('0 attachments, 4 of 4 links up');
    expect(await show('WatchdogUSec')).toBe('30s');
    expect(await show('Type')).toBe('notify');
    const status = await root(
      'cat /proc/$(systemctl show --property=MainPID --value sdm-agent)/status',
    );
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).not.toMatch(/^Uid:\t0\b/m);
    expect(await root('sdm-agent service status')).toMatch(
      /^kernel module sdmc_mem +open to the agent$/m,
    );
  });

  it('is commanded by members of its group, and by no one else', async (context) => {
    if (offline !== undefined) context.skip(offline);
    // Debian's kernel would online new memory by itself, and for good.
    const policy = 'cat /sys/devices/system/memory/auto_online_blocks';
    expect(await root(policy)).toBe('online\n');
    await root(as('operator', `sdm-agent attach --size ${SIZE} --id db`));
    await expectInUse();
    expect(await root(policy)).toBe('online\n');
    const refused = await rack.exec(1, as('nobody', 'sdm-agent list', 'nogroup'));
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('EACCES') });
  });

  it('is started again when it was killed, and has what was attached', async (context) => {
    if (offline !== undefined) context.skip(offline);
    const pid = await show('MainPID');
    await root(`kill -KILL ${pid}`);
    await active(pid);
    await expectInUse();
  });

  it('is ended and started again when it hangs', async (context) => {
    if (offline !== undefined) context.skip(offline);
    const pid = await show('MainPID');
    await root(`kill -STOP ${pid}`);
    await active(pid);
    expect(await root('journalctl --unit=sdm-agent --grep="result .watchdog." --quiet')).toMatch(
      /Failed with result 'watchdog'/,
    );
    await expectInUse();
  });

  it('attaches again after a reboot', async (context) => {
    if (offline !== undefined) context.skip(offline);
    const bootId = 'cat /proc/sys/kernel/random/boot_id';
    const before = await root(bootId);
    // The connection ends with the machine.
    await rack.exec(1, 'systemctl reboot').catch(() => {});
    const ended = (): true | undefined =>
      brickProcesses(rack.layout.brick(1)).length === 0 ? true : undefined;
    await waitFor('the machine to go down', ended, { timeoutMs: 120_000, intervalMs: 200 });
    await rack.boot(1, { timeoutMs: BOOT_MS });
    await active();
    expect(await root(bootId)).not.toBe(before);
    await expectInUse();
    expect(await root('systemctl --failed --no-legend')).toBe('');
  });

  it('gives all back, and has told what it did', async (context) => {
    if (offline !== undefined) context.skip(offline);
    await root(as('operator', 'sdm-agent detach db'));
    expect(setMemports(rack, 1)).toEqual([]);
    await root('systemctl stop sdm-agent');
    expect(await show('Result')).toBe('success');
    const log = await root('journalctl --unit=sdm-agent --output=short --no-pager');
    for (const said of [
      /sdm-agent\[\d+\]: core: attached id=db start=0x/,
      /sdm-agent\[\d+\]: core: reconciled .*kept=\["db"\]/,
      /sdm-agent\[\d+\]: core: reconciled rebooted=true .*restored=\["db"\]/,
      /sdm-agent\[\d+\]: core: detached id=db/,
      /sdm-agent\[\d+\]: stopped$/m,
    ]) {
      expect(log).toMatch(said);
    }
    expect(await root('journalctl --identifier=sdm-agent --priority=err --quiet')).toBe('');
    await expectCleanKernelLog(rack, 1);
  });

  it('is taken away, and leaves what is the operator’s', async (context) => {
    if (offline !== undefined) context.skip(offline);
    const said = await root('sdm-agent service remove');
    expect(said).toContain('delete  /etc/systemd/system/sdm-agent.service');
    expect(
      await root('systemctl is-enabled sdm-agent 2>&1 || ls /etc/sdm /var/lib/sdm-agent'),
    ).toMatch(/agent\.json\n[^]*journal\n/);
  });
});
