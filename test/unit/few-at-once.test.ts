// No server.
import { fewAtOnce } from '../../client/few-at-once';

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('as many at once as are allowed, and no more; what comes stands in the order in which it was asked', async () => {
  let [busy, most] = [0, 0];
  const done = await fewAtOnce([5, 1, 4, 1, 3, 9], 2, async (times) => {
    busy += 1;
    most = Math.max(most, busy);
    for (let nth = 0; nth < times; nth += 1) await later();
    busy -= 1;
    return times * 10;
  });
  expect(done).toEqual([50, 10, 40, 10, 30, 90]);
  expect(most).toBe(2);
  expect(await fewAtOnce([], 2, later)).toEqual([]);
});

test('after one that failed none is begun', async () => {
  const begun: number[] = [];
  const doing = fewAtOnce([1, 2, 3, 4, 5, 6], 2, async (one) => {
    begun.push(one);
    await later();
    if (one === 1) throw new Error('the first');
    await later();
  });
  await expect(doing).rejects.toThrow('the first');
  for (let nth = 0; nth < 10; nth += 1) await later();
  expect(begun).toEqual([1, 2]);
});
