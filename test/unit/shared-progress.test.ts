// Needs: nothing. Those who watch one run ask its worker as one, and nobody is told what was asked before they asked.
import { sharedProgress } from '../../client/shared-progress';
import type { RunProgress } from '../../workflows/contract/run';

interface Question {
  answer(turn: number): void;
  fail(): void;
}

function asker() {
  const asked: Question[] = [];
  const ask = (): Promise<RunProgress> =>
    new Promise((resolve, reject) => {
      // What a worker says beside the turn does not matter here.
      const answer = (turn: number): void => resolve({ turn } as RunProgress);
      asked.push({ answer, fail: () => reject(new Error('no worker')) });
    });
  return { asked, ask };
}
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const client = () => ({ connection: {} }) as Parameters<typeof sharedProgress>[0];

test('whoever asks while one is under way shares the next', async () => {
  const { asked, ask } = asker();
  const temporal = client();
  const first = sharedProgress(temporal, 'run', ask)();
  await settle();
  const later = Array.from({ length: 100 }, () => sharedProgress(temporal, 'run', ask)());
  const other = sharedProgress(temporal, 'other', ask)();
  await settle();
  expect(asked).toHaveLength(2);
  asked[0]?.answer(1);
  expect((await first).turn).toBe(1);
  await settle();
  expect(asked).toHaveLength(3);
  asked[2]?.answer(2);
  expect(new Set((await Promise.all(later)).map(({ turn }) => turn))).toEqual(new Set([2]));
  asked[1]?.answer(9);
  expect((await other).turn).toBe(9);
});

test('a failure is told to those who asked, and the next are asked for anew', async () => {
  const { asked, ask } = asker();
  const progress = sharedProgress(client(), 'run', ask);
  const first = progress();
  await settle();
  const second = progress();
  asked[0]?.fail();
  await expect(first).rejects.toThrow('no worker');
  await settle();
  asked[1]?.answer(3);
  expect((await second).turn).toBe(3);
  const third = progress();
  await settle();
  asked[2]?.answer(4);
  expect((await third).turn).toBe(4);
});
