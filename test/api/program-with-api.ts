// Run by tests: an API as a process of its own, with an empty store and no Temporal. Prints its address, and for each line of standard input the
// bytes of memory that it has; ends with that.
import { createInterface } from 'node:readline';
import { Client, Connection } from '@temporalio/client';
import { createMemoryStore } from '../../activities/store';
import { serveApi } from '../../client/api/serve-api';

async function main(): Promise<void> {
  const { url } = await serveApi({
    ...{ store: createMemoryStore(), taskQueue: 'agents', tenant: 'acme', keys: [], port: 0 },
    // Nobody asks it: a list of runs is answered by the store.
    temporal: new Client({ connection: Connection.lazy({ address: '127.0.0.1:1' }) }),
    report: (error) => console.error(error),
  });
  console.log(url);
  createInterface({ input: process.stdin })
    .on('line', () => console.log(process.memoryUsage().rss))
    .on('close', () => process.exit());
}

void main();
