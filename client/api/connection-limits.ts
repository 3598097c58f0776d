// Connections that say nothing: what holds one open costs its owner nothing, and must cost this server next to nothing.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** All there may be: below what a process may open, as a rule. */
const CONNECTIONS_MAX = 10_000;
/** Of those on which no request is under way. Beyond it the one that has been silent longest makes room: whoever comes now may speak. */
const SILENT_MAX = 1_000;
/** Milliseconds from the connection to the end of a request's headers, and of its body. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
/** A proxy keeps a connection for a minute, as a rule, and takes it badly when the other end is first to close it. */
const KEPT_ALIVE_MS = 65_000;
/** How often Node looks for those that took longer. */
const LOOKED_AT_EVERY_MS = 1_000;

/** For `createServer`. */
export const CONNECTION_OPTIONS = {
  headersTimeout: HEADERS_MS,
  requestTimeout: REQUEST_MS,
  keepAliveTimeout: KEPT_ALIVE_MS,
  connectionsCheckingInterval: LOOKED_AT_EVERY_MS,
};

export function limitConnections(server: Server): void {
  server.maxConnections = CONNECTIONS_MAX;
  /** In the order in which they fell silent. */
  const silent = new Set<Socket>();
  const fallsSilent = (socket: Socket): void => {
    silent.add(socket);
    const [oldest] = silent;
    if (silent.size > SILENT_MAX) oldest?.destroy();
  };
  server.on('connection', (socket) => {
    socket.once('close', () => silent.delete(socket));
    fallsSilent(socket);
  });
  server.on('request', ({ socket }, response) => {
    silent.delete(socket);
    response.once('close', () => {
      if (!socket.destroyed) fallsSilent(socket);
    });
  });
}
