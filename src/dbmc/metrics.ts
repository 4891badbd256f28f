import { Metrics } from '../common/server/metrics.js';
import type { Board } from './board/types.js';

/** What an operator graphs of a tray. */
export function dbmcMetrics(board: Board, registered: () => boolean): Metrics {
  return new Metrics(({ gauge }) => {
    gauge('sdm_dbmc_brick_on', '1: the brick is plugged and on.', ['brick'], (put) => {
      for (const { id, on } of board.bricks()) put(on ? 1 : 0, { brick: id });
    });
    gauge('sdm_dbmc_switch_connections', 'Pairs that are connected.', ['switch'], (put) => {
      for (const each of board.switches()) put(each.pairs().length, { switch: each.id });
    });
    gauge('sdm_dbmc_sensor', 'As the board has it.', ['sensor', 'unit'], (put) => {
      for (const { name, value, unit } of board.sensors()) put(value, { sensor: name, unit });
    });
    gauge('sdm_dbmc_registered', '1: the controller knows of this tray.', [], (put) =>
      put(registered() ? 1 : 0),
    );
  });
}
