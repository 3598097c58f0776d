// Needs a Temporal CLI, which an embedded server is started from. The cache benchmark in short: what it counts, not what it times.
import { CACHE_SHORT, cacheFigures } from './cache';

jest.setTimeout(240_000);

test('many runs, over four worker processes, that ask the same at once: the provider is asked once', async () => {
  const { runs, again, workers } = CACHE_SHORT;
  const made = await cacheFigures(CACHE_SHORT);
  expect(made).toMatchObject({ requests: 1, wrong: [], calls: runs + again, hits: runs + again - 1 });
  expect(made.workers).toHaveLength(workers);
  expect(made.waiting).toHaveLength(runs - 1);
  expect(made.kept.call).toHaveLength(again);
});
