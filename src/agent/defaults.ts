/** What holds where neither configuration nor command line says otherwise: docs/agent-cli.md, "serve". */
export const DEFAULT_CONFIG_PATH = '/etc/sdm/agent.json';
export const DEFAULT_SOCKET = '/run/sdm/agent.sock';
/** NUMA node that system RAM joins. */
export const DEFAULT_NODE = 1;
/** For all blocks of one detach. */
export const OFFLINE_MS = 60_000;
/** How long an attach waits for its transceiver. */
export const LINK_MS = 5_000;
/** How long a command waits for those before it. */
export const QUEUE_MS = 120_000;
/** How often the links are looked at. */
export const LINK_POLL_MS = 100;
/** Where the journal lies, unless systemd names another ($STATE_DIRECTORY). */
export const DEFAULT_STATE_DIR = '/var/lib/sdm-agent';
