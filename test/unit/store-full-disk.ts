// A process of store-lmdb.test.ts: commits what does not compress until the limit on file sizes refuses, then prints what it met.
import { randomBytes } from 'node:crypto';
import { openStore } from '../../activities/store/open-store';

const typeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'type' in error ? error.type : String(error);

async function main(folder: string): Promise<void> {
  const store = openStore(`lmdb:${folder}`);
  const large = await store.commit({ objects: [randomBytes(8_000_000)] }).then(() => 'stored', typeOf);
  let last = -1;
  let small: unknown;
  for (let at = 0; small === undefined && at < 1_000; at++) {
    try {
      await store.commit({ objects: [randomBytes(100_000)], refs: [{ op: 'put', name: 'last', value: at }] });
      last = at;
    } catch (error) {
      small = typeOf(error);
    }
  }
  const again = await store.commit({ objects: [randomBytes(100_000)] }).then(() => 'stored', typeOf);
  await store.close();
  process.stdout.write(JSON.stringify({ large, small: again === 'stored' ? again : small, last }));
}

void main(process.argv[2] ?? '');
