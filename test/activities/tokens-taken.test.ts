// Needs: nothing. A run that takes many times what is usual is found with the call that takes it there.
import { createMemoryStore } from '../../activities/store';
import { watchedAgentName } from '../../activities/store/ref-names';
import type { OddRun } from '../../activities/watch/keep-finding';
import { createTokensTaken } from '../../activities/watch/tokens-taken';

interface Counting {
  take(run: string, tokens: number): Promise<void>;
  told: OddRun[];
  reads: string[];
  /** Set: what is found cannot be kept. */
  broken: { is: boolean };
  pass(ms: number): void;
}

async function counting(usualTokens?: number): Promise<Counting> {
  const store = createMemoryStore();
  const value = { schemaVersion: 1, agent: 'teller', next: 9, releases: {}, ...(usualTokens ? { usualTokens } : {}) };
  await store.commit({ refs: [{ op: 'put', name: watchedAgentName('teller'), value }] });
  const told: OddRun[] = [];
  const reads: string[] = [];
  const broken = { is: false };
  let time = 0;
  const taken = createTokensTaken({
    store: {
      readRef: async (name) => {
        reads.push(name);
        return await store.readRef(name);
      },
    },
    now: () => time,
    times: 10,
    oddRunFound: async (odd) => {
      if (broken.is) throw new Error('the store is away.');
      told.push(odd);
    },
  });
  return {
    ...{ told, reads, broken },
    take: (run, tokens) => taken({ agent: 'teller', release: 'a', tenant: 't', run }, tokens),
    pass: (ms) => void (time += ms),
  };
}

test('it is found once, by the call that takes it there, and another run is not', async () => {
  const { take, told, reads } = await counting(100);
  for (let nth = 0; nth < 9; nth += 1) {
    await take('greedy', 100);
    await take('other', 99);
  }
  expect(told).toEqual([]);
  await take('greedy', 100);
  expect(told).toMatchObject([{ run: 'greedy', metric: 'run-tokens', before: 100, after: 1_000, tenant: 't' }]);
  await take('greedy', 5_000);
  await take('other', 99);
  expect(told.length).toBe(1);
  // What is usual is read once, however many calls are made.
  expect(reads).toEqual([watchedAgentName('teller')]);
});

test('what is usual is read again a minute later', async () => {
  const { take, reads, pass } = await counting(100);
  await take('one', 1);
  pass(59_999);
  await take('one', 1);
  expect(reads.length).toBe(1);
  pass(1);
  await take('one', 1);
  expect(reads.length).toBe(2);
});

test('of an agent of which too little is known nothing is said', async () => {
  const { take, told } = await counting();
  await take('first', 1_000_000);
  expect(told).toEqual([]);
});

test('what could not be kept is found by the next call', async () => {
  const { take, told, broken } = await counting(100);
  broken.is = true;
  await expect(take('greedy', 1_000)).rejects.toThrow('away');
  broken.is = false;
  await take('greedy', 1);
  expect(told).toMatchObject([{ run: 'greedy', after: 1_001 }]);
});
