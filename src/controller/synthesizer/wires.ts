import { SdmError } from '../../common/errors.js';
import type { AttachmentRecord, HopRecord } from '../records.js';
import type { Daemons } from './daemons.js';
import { pairOf, portsText, switchKey, type Pair } from './ports.js';
import type { Site, SwitchSite } from './site.js';
import { SwitchWires } from './switch-wires.js';

type Wired = Pick<AttachmentRecord, 'id' | 'path'>;

/** The connections of all switches that have a daemon, and which attachments need them. */
export class Wires {
  readonly #site: Site;
  readonly #daemons: Daemons;
  readonly #switches = new Map<string, SwitchWires>();

  constructor(site: Site, daemons: Daemons) {
    this.#site = site;
    this.#daemons = daemons;
  }

  /** What a record says is, or is going to be, connected. */
  note(attachment: Wired): void {
    for (const [site, pairs] of this.#programmed(attachment.path.hops)) {
      this.#of(site).note(attachment.id, pairs);
    }
  }

  /**
   * Rack switches first, then the boxes': a link that comes up at a brick means that all of its path
   * is there.
   * @throws as the dBMC, with the switch in the message and in `details.target`.
   */
  async connect(attachment: Wired): Promise<void> {
    this.note(attachment);
    for (const stage of stages(this.#programmed(attachment.path.hops))) {
      await all(stage, ([site, pairs]) => this.#of(site).take(attachment.id, pairs));
    }
  }

  /** The boxes' switches first. What others need stays. */
  async disconnect(attachment: Wired): Promise<void> {
    for (const stage of stages(this.#programmed(attachment.path.hops)).reverse()) {
      await all(stage, ([site, pairs]) => this.#of(site).leave(attachment.id, pairs));
    }
  }

  /** What a switch should have connected; none for one without a daemon. */
  used(id: string): { readonly pair: Pair; readonly users: ReadonlySet<string> }[] {
    return [...(this.#switches.get(id)?.used() ?? [])];
  }

  #programmed(hops: readonly HopRecord[]): [SwitchSite, Pair[]][] {
    const found = new Map<string, [SwitchSite, Pair[]]>();
    for (const hop of hops) {
      const site = this.#site.switches.get(hop.switch);
      if (site?.address === undefined) continue;
      const entry = found.get(site.id);
      if (entry === undefined) found.set(site.id, [site, [pairOf(hop)]]);
      else entry[1].push(pairOf(hop));
    }
    return [...found.values()];
  }

  #of(site: SwitchSite): SwitchWires {
    let wires = this.#switches.get(site.id);
    if (wires === undefined) {
      wires = new SwitchWires({
        connect: (pairs) => this.#post(site.id, 'connectports', pairs),
        disconnect: (pairs) => this.#post(site.id, 'disconnectports', pairs),
      });
      this.#switches.set(site.id, wires);
    }
    return wires;
  }

  async #post(id: string, command: string, pairs: readonly Pair[]): Promise<void> {
    const ports = portsText(pairs);
    // looked up each time: its tray may have registered with another address
    const site = this.#site.switches.get(id);
    if (site?.address === undefined) return;
    await this.#daemons
      .call(site.address, {
        method: 'POST',
        path: `/api/switch/${command}`,
        body: { ...switchKey(site), ports },
        timeoutMs: this.#daemons.timeouts.callMs,
      })
      .catch((error: unknown) => {
        throw atSwitch(error, site, command, ports);
      });
  }
}

/** Between racks and in racks first, then in boxes. */
function stages<T>(entries: readonly [SwitchSite, T][]): [SwitchSite, T][][] {
  const inBox = ([site]: [SwitchSite, T]): boolean => site.box !== undefined;
  return [entries.filter((entry) => !inBox(entry)), entries.filter(inBox)];
}

/** Waits for all of them, also where one fails: nothing goes on behind the caller's back. */
async function all<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(items.map(task));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

function atSwitch(error: unknown, site: SwitchSite, command: string, ports: string): unknown {
  if (!(error instanceof SdmError)) return error;
  return new SdmError(error.code, `${command} ${ports} at switch ${site.id}: ${error.message}`, {
    details: { ...error.details, target: site.id, address: site.address, ports },
    cause: error,
  });
}
