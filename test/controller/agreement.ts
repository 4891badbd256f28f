import type { PlatformView, TotalsView } from '../../src/controller/views.js';
import type { ControllerRack } from '../support/controller-rack.js';

/** What everybody says about who has what; in a form that shows the difference when two are compared. */
export interface Standing {
  readonly platforms: readonly PlatformView[];
  /** By what the records say. */
  readonly should: Parties;
  /** By what agents, lenders and the tray's daemon say. */
  readonly is: Parties;
  readonly totals: TotalsView;
}

export interface Parties {
  /** "brick attachment remote". */
  readonly attached: readonly string[];
  /** "brick port remote": memports that are set. */
  readonly memports: number;
  /** "brick attachment start size". */
  readonly granted: readonly string[];
  /** "switch a-b". */
  readonly connected: readonly string[];
}

const SWITCH = 'dbesm-0-0';

export async function standing(rack: ControllerRack): Promise<Standing> {
  const { platforms } = (await rack.ask('GET', '/v1/platforms')) as { platforms: PlatformView[] };
  const totals = (await rack.ask('GET', '/v1/totals')) as TotalsView;
  const all = platforms.flatMap(({ brick, attachments }) =>
    attachments.map((each) => ({ brick, ...each })),
  );
  const agents = await Promise.all(
    rack.computes.map(async (id) => {
      const { attachments } = (await rack.askBrick(id, 'GET', '/v1/attachments')) as {
        attachments: { id: string; remote: string; state: string }[];
      };
      return attachments.map((each) => `${id} ${each.id} ${each.remote} ${each.state}`);
    }),
  );
  const lenders = await Promise.all(
    rack.memories.map(async (id) => {
      const { grants } = (await rack.askBrick(id, 'GET', '/v1/grants')) as {
        grants: { id: string; ranges: { start: string; size: string }[] }[];
      };
      return grants.map(({ id: grant, ranges }) => `${id} ${grant} ${JSON.stringify(ranges)}`);
    }),
  );
  const ports = (await rack.askBrick(
    'dbmc',
    'GET',
    `/api/switch/portsinfo?dRackId=0&dBoxId=0&switchId=${SWITCH}`,
  )) as { connections: [number, number][] };
  return {
    platforms,
    totals,
    should: {
      attached: all.map((each) => `${each.brick} ${each.id} ${each.remote} present`).sort(),
      memports: all.length,
      granted: all
        .map(({ memory, id, remote, size }) => {
          return `${memory} ${id} ${JSON.stringify([{ start: remote, size }])}`;
        })
        .sort(),
      connected: unique(
        all.flatMap(({ path }) =>
          path.hops.map(({ switch: id, in: a, out: b }) => pairText(id, a, b)),
        ),
      ),
    },
    is: {
      attached: agents.flat().sort(),
      memports: [...rack.setMemports().values()].flat().length,
      granted: lenders.flat().sort(),
      connected: unique(ports.connections.map(([a, b]) => pairText(SWITCH, a, b))),
    },
  };
}

const pairText = (id: string, a: number, b: number): string =>
  `${id} ${Math.min(a, b)}-${Math.max(a, b)}`;

const unique = (texts: readonly string[]): string[] => [...new Set(texts)].sort();
