import { once } from 'node:events';
import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';

const LOW_PORTS = [20_000, 32_000] as const;
const ATTEMPTS = 20;

/**
 * Free when asked; between that and its use another process may take it. Below those that the system gives out by itself, so that it stays
 * free while its server is down; and Temporal keeps its ports as numbers of 15 bits.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 1; attempt < ATTEMPTS; attempt += 1) {
    try {
      return await opened(randomInt(...LOW_PORTS));
    } catch {
      // Taken.
    }
  }
  return await opened(randomInt(...LOW_PORTS));
}

async function opened(port: number): Promise<number> {
  const probe = createServer();
  probe.listen(port, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given.');
  return address.port;
}
