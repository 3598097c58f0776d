// A process of store-lmdb.test.ts: commits until the limit on file sizes refuses, then prints what it met.
import { openStore } from '../../activities/store';

const typeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'type' in error ? error.type : String(error);

async function main(folder: string): Promise<void> {
  const store = openStore(`lmdb:${folder}`);
  const large = await store.commit({ objects: [Buffer.alloc(8_000_000)] }).then(() => 'stored', typeOf);
  let last = -1;
  let small: unknown;
  for (let at = 0; small === undefined && at < 1_000; at++) {
    try {
      await store.commit({ objects: [Buffer.alloc(100_000, at)], refs: [{ op: 'put', name: 'last', value: at }] });
      last = at;
    } catch (error) {
      small = typeOf(error);
    }
  }
  const again = await store.commit({ objects: [Buffer.alloc(100_000, 255)] }).then(() => 'stored', typeOf);
  await store.close();
  process.stdout.write(JSON.stringify({ large, small: again === 'stored' ? again : small, last }));
}

void main(process.argv[2] ?? '');
