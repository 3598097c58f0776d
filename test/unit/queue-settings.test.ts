// Needs: nothing. The queues of a configuration: what they are without a word, and what is refused, by its place.
import type { z } from 'zod';
import { defineAgent } from '../../activities/define';
import { queuesSchema } from '../../activities/define/queue';
import { createMemoryStore } from '../../activities/store';
import { publishQueue, readQueueSettings } from '../../activities/store/queue-settings';
import { issueLines } from '../../workers/config-issues';
import { describeQueues, queueSettings } from '../../workers/queue-settings';

const settingsOf = (queues: z.input<typeof queuesSchema>): ReturnType<typeof queueSettings> =>
  queueSettings({ queues: queuesSchema.parse(queues) }, 'longhaul.config.ts', {
    models: { cheap: ['openai/gpt-5-nano'] },
    providers: [{ name: 'openai' }],
  });
const problems = (queues: unknown): string => {
  const { error } = queuesSchema.safeParse(queues);
  return issueLines(error?.issues ?? []).join('; ');
};

test('a queue that says nothing has a thousand places and fifty at once, and runs wait for as long as it takes', () => {
  expect(settingsOf({ default: {} })).toEqual({
    default: { depth: 1_000, concurrency: 50, weights: {}, shards: 1, degrade: [] },
  });
});

test('what a queue says is what it has', () => {
  const queues = settingsOf({
    jobs: {
      ...{ depth: 20, concurrency: 4, ttl: '1h', weights: { acme: 3 }, shards: 2 },
      degrade: [
        { above: 0.5, limits: { turns: 5, usd: 0.2 }, model: 'cheap' },
        { above: 0.9, sync: 'async' },
      ],
    },
  });
  expect(queues).toEqual({
    jobs: {
      ...{ depth: 20, concurrency: 4, ttlMs: 3_600_000, weights: { acme: 3 }, shards: 2 },
      degrade: [
        { above: 0.5, limits: { turns: 5, nanoUsd: 200_000_000 }, route: ['openai/gpt-5-nano'] },
        { above: 0.9, sync: 'async' },
      ],
    },
  });
  expect(describeQueues(queues, 'longhaul.config.ts')).toEqual([
    {
      what: 'queue jobs',
      value: '20 may wait, 4 at once, for at most 3600 s, 2 shards, less above 50 %, 90 %',
      source: 'longhaul.config.ts',
    },
  ]);
});

test('a model that is none is refused, by its place', () => {
  expect(() => settingsOf({ jobs: { degrade: [{ above: 0.5, model: 'dear' }] } })).toThrow(
    'longhaul.config.ts: queues.jobs.degrade.0.model: no model alias "dear" (there are: cheap).',
  );
});

test.each([
  [{ Jobs: {} }, 'a queue has a name of a to z'],
  [{ q: { size: 3 } }, 'q.size: there is no such setting'],
  [{ q: { depth: 0 } }, 'q.depth: it is above zero'],
  [{ q: { depth: 5_000 } }, 'q.depth: it is at most 4000 for each of its shards (1)'],
  [{ q: { concurrency: 1.5 } }, 'q.concurrency: it is a whole number'],
  [{ q: { ttl: 'soon' } }, 'q.ttl: it is more than zero'],
  [{ q: { weights: { acme: 0 } } }, 'q.weights.acme: it is above zero'],
  [{ q: { shards: 100 } }, 'q.shards: it is at most 64'],
  [{ q: { shards: 8, concurrency: 4 } }, 'q.shards: each has a part of depth (1000) and concurrency (4)'],
  [{ q: { degrade: [{ above: 1, sync: 'async' }] } }, 'q.degrade.0.above: it is a part of the depth, below 1'],
  [{ q: { degrade: [{ above: 0.5 }] } }, 'q.degrade.0: it changes nothing'],
  [{ q: { degrade: [{ above: 0.5, limits: { turn: 3 } }] } }, 'q.degrade.0.limits: limits: "turn" is not known'],
  [
    {
      q: {
        degrade: [
          { above: 0.5, sync: 'async' },
          { above: 0.5, sync: 'async' },
        ],
      },
    },
    'q.degrade.1.above: it is above that of the step before (0.5)',
  ],
])('%j is refused: %s', (queues, problem) => {
  expect(problems(queues)).toContain(problem);
});

test('an agent names a queue, or says that it has none; what is neither is refused', () => {
  const define = (queue: unknown): unknown => defineAgent({ name: 'a', instructions: 'x', queue: queue as string });
  expect(define('jobs')).toMatchObject({ queue: 'jobs' });
  expect(define(false)).toMatchObject({ queue: false });
  expect(() => define('a/b')).toThrow('agent a: queue: "a/b" is neither the name of a queue nor false.');
  expect(() => define(true)).toThrow('agent a: queue: true is neither');
});

test('settings are published once, and grow by a version when they change', async () => {
  const store = createMemoryStore();
  const place = { taskQueue: 'agents', queue: 'jobs' };
  const [jobs] = Object.values(settingsOf({ jobs: {} }));
  if (!jobs) throw new Error('there is one.');
  expect(await readQueueSettings(store, 'agents', 'jobs')).toBeUndefined();
  await publishQueue(store, place, jobs);
  const first = await readQueueSettings(store, 'agents', 'jobs');
  await publishQueue(store, place, { ...jobs });
  expect(await readQueueSettings(store, 'agents', 'jobs')).toEqual(first);
  await publishQueue(store, place, { ...jobs, concurrency: 9 });
  const second = await readQueueSettings(store, 'agents', 'jobs');
  expect(second).toMatchObject({ concurrency: 9 });
  expect(second?.version).toBeGreaterThan(first?.version ?? Infinity);
  expect(await readQueueSettings(store, 'other', 'jobs')).toBeUndefined();
});
