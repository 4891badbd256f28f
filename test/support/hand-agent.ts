import type { Rack } from '../../src/rack/index.js';
import { inBrick } from './rack.js';

const PID = '/run/agent.pid';
const LOG = '/var/log/sdm-agent.log';

/** The agent of a brick that boots with sdm.agent=no: started and stopped by the test. */
export class HandAgent {
  readonly #brick: (command: string) => Promise<string>;

  constructor(rack: Rack, n: number) {
    this.#brick = (command) => inBrick(rack, n, command);
  }

  /** Resolves when it answers. */
  start(): Promise<string> {
    return this.#brick(
      `setsid sdm-agent serve >>${LOG} 2>&1 </dev/null & echo $! >${PID}; ` +
        'brickready --timeout 90 --agent /run/sdm/agent.sock >/dev/null || ' +
        `{ tail -n 3 ${LOG} >&2; exit 1; }`,
    );
  }

  stop(): Promise<string> {
    return this.ended('kill $pid');
  }

  /** Waits, 30 s and more, for its process to end. */
  ended(before = 'true'): Promise<string> {
    return this.#brick(
      `pid=$(cat ${PID}); ${before}; n=300; while [ -d /proc/$pid ]; do ` +
        '[ $((n -= 1)) -gt 0 ] || { echo "agent $pid did not end" >&2; exit 1; }; sleep 0.1; done',
    );
  }
}
