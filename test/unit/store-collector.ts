// A process of store-lmdb.test.ts: for each line "<name> <time>" it deletes the object unless it was put at that time or later, and
// says so.
import { createInterface } from 'node:readline';
import { openStore } from '../../activities/store/open-store';

async function main(folder: string): Promise<void> {
  const store = openStore(`lmdb:${folder}`);
  process.stdout.write('ready\n');
  for await (const line of createInterface({ input: process.stdin })) {
    const [name = '', putBefore] = line.split(' ');
    const deleted = await store.deleteObjects([name], Number(putBefore));
    process.stdout.write(`${deleted.length}\n`);
  }
  await store.close();
}

void main(process.argv[2] ?? '');
