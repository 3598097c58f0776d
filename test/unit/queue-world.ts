// A queue with its runs on a virtual clock: what its workflow does, without Temporal.
import type { EnqueueAnswer, QueueItem, QueueSettings, QueueState } from '../../workflows/contract/queue';
import {
  enqueue,
  expire,
  mayStart,
  newQueue,
  takeEnd,
  takeLeft,
  takeNext,
  takeStarted,
} from '../../workflows/queue/queue';

export const queueSettings = (given: Partial<QueueSettings> = {}): QueueSettings => ({
  ...{ version: 1, depth: 1_000, concurrency: 50, weights: {}, shards: 1, degrade: [] },
  ...given,
});

export const itemOf = (run: string, given: Partial<QueueItem> = {}): QueueItem => ({
  ...{ run, tenant: 'acme', priority: 'normal' },
  ...given,
});

export interface QueueWorld {
  state: QueueState;
  now(): number;
  /** Asks for one run. */
  ask(item: QueueItem): EnqueueAnswer;
  /** Does something then. */
  at(ms: number, work: () => void): void;
  /** Of each run that has begun, in that order, and when. */
  readonly begun: { run: string; at: number }[];
  run(untilMs: number): void;
}

/** @param takesMs how long a run goes on, from its begin */
export function queueWorld(settings: QueueSettings, takesMs: (run: string, now: number) => number): QueueWorld {
  let now = 0;
  let nth = 0;
  const state = newQueue({ queue: 'default', shard: 0, settings });
  const due: { at: number; nth: number; work(): void }[] = [];
  const begun: QueueWorld['begun'] = [];
  const at = (ms: number, work: () => void): void => {
    due.push({ at: ms, nth: (nth += 1), work });
  };
  const step = (): void => {
    expire(state, now);
    takeLeft(state, [...state.leaving]);
    while (mayStart(state)) {
      const next = takeNext(state, now);
      takeStarted(
        state,
        next.map(({ run }) => ({ run, kind: 'started' })),
        now,
      );
      for (const { run } of next) {
        begun.push({ run, at: now });
        at(now + takesMs(run, now), () => void takeEnd(state, run, now));
      }
    }
  };
  return {
    state,
    begun,
    at,
    now: () => now,
    ask: (item) => {
      const [answer] = enqueue(state, { settings, items: [item] }, now);
      if (!answer) throw new Error('it was not answered.');
      step();
      return answer;
    },
    run: (untilMs) => {
      for (;;) {
        const next = due.reduce<(typeof due)[number] | undefined>(
          (first, one) => (!first || one.at < first.at || (one.at === first.at && one.nth < first.nth) ? one : first),
          undefined,
        );
        if (!next || next.at > untilMs) break;
        due.splice(due.indexOf(next), 1);
        now = Math.max(now, next.at);
        next.work();
        step();
      }
      now = untilMs;
    },
  };
}
