// A Unix socket that its own user alone may connect to.
import { chmodSync } from 'node:fs';
import type { Server } from 'node:net';

/** @throws Error where the socket cannot be made */
export function listenPrivately(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // The socket is made while `listen` runs, so it never exists with another mode.
    const before = process.umask(0o177);
    try {
      server.listen(address, () => {
        server.off('error', reject);
        chmodSync(address, 0o600);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}
