// The world that tools act on: an HTTP server that counts what reaches it, and survives what the drill kills.
import { createServer } from 'node:http';

export interface OutsideCounter {
  /** Tools post to `<url>/<what>`. */
  readonly url: string;
  /** Called with `<what>` at each arrival, before it is answered. */
  onArrival(listener: (what: string) => void): void;
  close(): Promise<void>;
}

export async function startOutsideCounter(): Promise<OutsideCounter> {
  const listeners = new Set<(what: string) => void>();
  const server = createServer((request, response) => {
    const what = decodeURIComponent((request.url ?? '/').slice(1));
    for (const listener of listeners) listener(what);
    request.resume().on('end', () => response.writeHead(204).end());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    onArrival: (listener) => void listeners.add(listener),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
