import type { Socket } from 'node:net';

/** How much is still read, bytes and milliseconds, of a client whose connection is to close. */
export interface LingerLimits {
  readonly lingerBytes: number;
  readonly lingerTimeout: number;
}

/**
 * Ends our side of a connection whose client may still be sending, and discards what comes until it
 * ends its own (RFC 9112, 9.6). Were it closed at once, the client's next write would fail, and most
 * clients then never read the answer that says why.
 */
export function linger(socket: Socket, { lingerBytes, lingerTimeout }: LingerLimits): void {
  socket.end();
  const most = socket.bytesRead + lingerBytes;
  const timer = setTimeout(() => socket.destroy(), lingerTimeout);
  socket.once('close', () => clearTimeout(timer));
  // Node stops reading in the middle of a body that nobody takes, and only its parser goes on with
  // that; from then on it gets nothing more, since it would make requests of what comes behind.
  socket.pause();
  socket.once('resume', () => {
    socket.removeAllListeners('data');
    socket.on('data', () => {
      if (socket.bytesRead > most) socket.destroy();
    });
    socket.resume();
  });
  socket.resume();
}
