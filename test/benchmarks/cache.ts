// The same question of many runs at once, over several worker processes: how often the provider is asked it, and how soon all are answered.
// Then the same question again, by few runs at a time: what an answer takes that is kept.
import { setTimeout as pause } from 'node:timers/promises';
import { allRefs, type ContentStore } from '../../activities/store';
import { CALL_PREFIX } from '../../activities/store/ref-names';
import { modelRecordSchema, type ModelRecord } from '../../workflows/contract/schemas/call-record';
import { script } from '../kit/model-server';
import { startTellerStack, type repeater, type TellerStack } from '../stack/teller';

export interface CacheOptions {
  workers: number;
  /** At once. */
  runs: number;
  /** The provider holds its answer for so long after all of them are started and it was asked, in milliseconds. */
  heldMs: number;
  /** Afterwards, a few at a time. */
  again: number;
}

export const CACHE_LONG: CacheOptions = { workers: 4, runs: 1_000, heldMs: 5_000, again: 400 };
export const CACHE_SHORT: CacheOptions = { workers: 4, runs: 60, heldMs: 3_000, again: 12 };

export interface CacheFigures {
  /** That have reached the provider. */
  requests: number;
  /** Outcomes other than completed, and other answers than the provider's. */
  wrong: string[];
  /** Calls that were given another's answer; of how many. */
  hits: number;
  calls: number;
  /** Names of the workers that made calls. */
  workers: string[];
  /** Milliseconds: until all are started; from the provider's answer until all runs are over. */
  startedMs: number;
  answeredMs: number;
  /** From the provider's answer until the call of each has it, in milliseconds: those who were there by then. */
  waiting: number[];
  /** Of an answer that is kept, in milliseconds: the call up to its commit, and the whole run, from the caller's start to its result. */
  kept: { call: number[]; run: number[] };
}

const ANSWER = 'All is well here, and nothing else is to be said of it. '.repeat(8).trim();
const QUESTION = 'How is it?';
const AT_A_TIME = 4;

export async function cacheFigures(options: CacheOptions): Promise<CacheFigures> {
  const stack = await startTellerStack({
    // Held the first time alone: whoever asks a second time is answered at once, and counted.
    model: { script: script().answer(ANSWER), faults: [{ when: { nth: 1 }, do: { hold: 'answer' } }] },
  });
  try {
    await Promise.all(Array.from({ length: options.workers }, () => stack.startWorker()));
    return await measure(stack, options);
  } finally {
    await stack.close();
  }
}

async function measure(stack: TellerStack, { runs, heldMs, again }: CacheOptions): Promise<CacheFigures> {
  const { client, model, store } = stack;
  const agent = client.agent<typeof repeater>('repeater');
  const wrong: string[] = [];
  const start = (nth: number) => agent.start(QUESTION, { id: `run-${nth}` });
  const ended = async (run: Awaited<ReturnType<typeof start>>): Promise<void> => {
    const result = await run.result();
    const said = result.outcome === 'completed' ? result.output : result.outcome;
    if (said !== ANSWER) wrong.push(String(said));
  };
  const from = Date.now();
  const started = await Promise.all(Array.from({ length: runs }, (_, nth) => start(nth)));
  const startedMs = Date.now() - from;
  const ending = Promise.all(started.map(ended));
  // A hold is let go where it holds: the question must have arrived.
  while ((await model.counts()).requests === 0) await pause(20);
  await pause(heldMs);
  const answered = Date.now();
  await model.control({ release: 'answer' });
  await ending;
  const over = Date.now();
  const took: number[] = [];
  const next = Array.from({ length: again }, (_, nth) => runs + nth).values();
  const one = async (): Promise<void> => {
    for (const nth of next) {
      const began = performance.now();
      await ended(await start(nth));
      took.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
  const records = await recordsOf(store);
  const hits = records.filter(({ origin }) => origin);
  return {
    ...{ requests: (await model.counts()).requests, wrong, hits: hits.length, calls: records.length },
    workers: [...new Set(records.map(({ worker }) => worker))],
    ...{ startedMs, answeredMs: over - answered },
    waiting: hits.filter(({ endedAt }) => endedAt < over).map(({ endedAt }) => endedAt - answered),
    kept: {
      call: hits.filter(({ startedAt }) => startedAt >= over).map(({ startedAt, endedAt }) => endedAt - startedAt),
      run: took,
    },
  };
}

const recordsOf = async (store: ContentStore): Promise<ModelRecord[]> =>
  (await allRefs(store, CALL_PREFIX)).map(({ value }) => modelRecordSchema.parse(value));
