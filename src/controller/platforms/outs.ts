import type { BrickId, BrickRecord } from '../records.js';

/** Bricks and switches that a refusal names at most, of those that nothing may go to. */
const MOST = 4;

type Records = ReadonlyMap<BrickId, BrickRecord>;

function stateOf({ drained, lost, fenced }: BrickRecord): string | undefined {
  if (fenced !== undefined) return 'fenced';
  if (lost !== undefined) return 'lost';
  return drained === true ? 'drained' : undefined;
}

/** Why nothing new goes to a brick, and what helps; undefined: it may. */
export function whyOut(records: Records, brick: BrickId): string | undefined {
  const record = records.get(brick);
  const state = record === undefined ? undefined : stateOf(record);
  if (record === undefined || state === undefined) return undefined;
  const also = state !== 'drained' && record.drained === true ? ', and drained' : '';
  const help = {
    fenced: 'it is let in by itself when its agent answers and has nothing that is not its own',
    lost: `bring it back, or fence it with \`sdm brick fence ${brick}\``,
    drained: `\`sdm brick undrain ${brick}\` lets it in again`,
  }[state];
  return `brick ${brick} is ${state}${also}: nothing new goes there; ${help}`;
}

/** Switches and bricks that nothing may go to, in a clause; undefined: there are none. */
export function allOut(records: Records, switches: readonly string[]): string | undefined {
  const bricks = [...records].flatMap(([id, record]) => {
    const state = stateOf(record);
    return state === undefined ? [] : [`${id} (${state})`];
  });
  const out = [...switches.map((id) => `${id} (lost)`), ...bricks];
  if (out.length === 0) return undefined;
  const more = out.length > MOST ? ` and ${out.length - MOST} more` : '';
  return `not counted: ${out.slice(0, MOST).join(', ')}${more}`;
}
