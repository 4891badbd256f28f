import { createServer, type Socket } from 'node:net';

const GREETING = '{"QMP": {"version": {}, "capabilities": []}}\r\n';

export interface QmpRequest {
  readonly execute: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly id: number;
}

/** Gets each request after the negotiation. */
export type QmpAnswer = (request: QmpRequest, socket: Socket) => void;

/**
 * Serves QEMU's machine protocol where there is no QEMU.
 * @returns what ends it.
 */
export async function serveQmp(
  path: string,
  answer: QmpAnswer,
  greeting: string = GREETING,
): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.write(greeting);
    socket.on('data', (data) => {
      for (const line of String(data).trim().split('\n')) {
        const request = JSON.parse(line) as QmpRequest;
        if (request.execute === 'qmp_capabilities') {
          socket.write(`{"return": {}, "id": ${request.id}}\r\n`);
        } else answer(request, socket);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return () =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
}
