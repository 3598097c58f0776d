// Needs: nothing. Whoever waits for a store to be read is told from the second second on, and not before.
import { createMemoryStore } from '../../activities/store/memory-store';
import { readingTold } from '../../client/cli/reading-told';

test('what is read is counted, and told once it takes longer than a second, at most four times a second', async () => {
  const memory = createMemoryStore();
  const refs = Array.from({ length: 300 }, (_, at) => ({ op: 'create' as const, name: `run/${at}`, value: {} }));
  await memory.commit({ refs });
  const told: string[] = [];
  let now = 5_000;
  const store = readingTold(
    (text) => told.push(text),
    () => now,
  )(memory);
  const readAt = async (at: number): Promise<void> => {
    now = at;
    expect(await store.listRefs('run/')).toHaveLength(300);
  };
  await readAt(5_000);
  await readAt(5_999);
  expect(told).toEqual([]);
  await readAt(6_000);
  await readAt(6_200);
  await readAt(6_250);
  expect(await store.readRef('run/1')).toBeDefined();
  expect(told).toEqual(['900 records read', '1500 records read']);
});
