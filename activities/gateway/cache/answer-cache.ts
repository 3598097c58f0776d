// Answers of a model that are given again, and questions that are asked once however many ask them at a time. Each question has one ref:
// claimed by whoever asks, renewed while the model is asked, and then the answer. Who waits believes no clock but its own: a claim that
// it has seen unchanged for long enough is nobody's, and is taken over by compare-and-set.
import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { cachedAnswerSchema, type CachedAnswer } from '../../../workflows/contract/schemas/cached-answer';
import type { ContentStore, Ref } from '../../store/port';
import { createFlight, standBy, type Flight } from './flight';
import { createFlightWatch } from './flight-watch';

export type Answered = Extract<CachedAnswer, { state: 'answered' }>;
type Asking = Extract<CachedAnswer, { state: 'asking' }>;

export interface CacheAsker {
  /** Id of the run. */
  run: string;
  signal: AbortSignal;
  /** The longest that the model may take, in milliseconds. */
  mostMs: number;
  /** Whether what was answered is an answer for this run, too. */
  isUsable(answered: Answered): Promise<boolean>;
}

export type Entered =
  | { kind: 'answered'; answered: Answered }
  /** To be asked by this call. Without a flight nobody else is to be given its answer. */
  | { kind: 'ask'; flight?: Flight }
  /** Somebody else asks, and an activity is not held for longer. */
  | { kind: 'wait'; ms: number };

export interface AnswerCache {
  /** @throws ApplicationFailure `Store.*`; the signal's reason */
  enter(name: string, asker: CacheAsker): Promise<Entered>;
  /** What is kept of the question has changed: who waits for it in this process looks at once. */
  wake(name: string): void;
}

export interface CachePace {
  /** Between two renewals of a claim. */
  renewMs: number;
  /** A claim that was not renewed for so long is nobody's. Several renewals: a store or a process may be slow. */
  silentMs: number;
  /** An activity is held for so long at most while somebody else asks. */
  holdMs: number;
}

export const CACHE_PACE: CachePace = { renewMs: 1_500, silentMs: 8_000, holdMs: 2_000 };

export interface AnswerCacheOptions {
  store: ContentStore;
  /** Identity of this worker. */
  worker: string;
  /** Milliseconds since the epoch: when what is kept ends. */
  now(): number;
  pace?: CachePace;
}

/**
 * So many asked in a row and had nothing to share: a provider that fails, an answer that calls tools with effects. Then nobody waits for
 * another's answer any more, or a thousand runs would fail one after the other.
 */
const MISSES_MOST = 2;
/** Asleep in the workflow: half of how long the answer has taken by now, within these bounds. */
const SLEEP_LEAST_MS = 2_000;
const SLEEP_MOST_MS = 10_000;

export function createAnswerCache({ store, worker, now, pace = CACHE_PACE }: AnswerCacheOptions): AnswerCache {
  const steadyMs = (): number => performance.now();
  const watch = createFlightWatch(store, steadyMs);

  async function claim(name: string, asker: CacheAsker, misses: number, over?: Ref): Promise<Flight | undefined> {
    const claimed: Asking = {
      ...{ schemaVersion: 1, state: 'asking', misses, claim: randomUUID(), worker, run: asker.run, renewals: 0 },
      everyMs: pace.renewMs,
    };
    return await createFlight({ store, now, wake: watch.wake }, { name, claimed, mostMs: asker.mostMs, over });
  }

  /** @returns undefined where it has changed meanwhile */
  async function decide(name: string, asker: CacheAsker, ref: Ref | undefined): Promise<Entered | 'look' | 'hold'> {
    if (!ref) return flying(await claim(name, asker, 0));
    const { success, data } = cachedAnswerSchema.safeParse(ref.value);
    // Of another version of this code, which may be running beside this one.
    if (!success) return { kind: 'ask' };
    if (data.state === 'answered')
      return (await asker.isUsable(data))
        ? { kind: 'answered', answered: data }
        : flying(await claim(name, asker, 0, ref));
    if (data.misses >= MISSES_MOST) return { kind: 'ask', flight: standBy({ store, now, wake: watch.wake }, ref) };
    if (data.state === 'open' || watch.unchangedMs(ref) >= pace.silentMs)
      return flying(await claim(name, asker, data.misses, ref));
    return 'hold';
  }

  async function enter(name: string, asker: CacheAsker): Promise<Entered> {
    const until = steadyMs() + pace.holdMs;
    let ref = await readable(() => watch.read(name));
    for (;;) {
      if (ref === 'unreadable') return { kind: 'ask' };
      const decided = await decide(name, asker, ref);
      if (typeof decided === 'object') return decided;
      asker.signal.throwIfAborted();
      if (decided === 'look' || !ref) {
        ref = await readable(() => watch.read(name));
        continue;
      }
      const held: Ref = ref;
      const leftMs = until - steadyMs();
      if (leftMs <= 0) return { kind: 'wait', ms: sleepMs(held) };
      const silenceMs = Math.max(1, pace.silentMs - watch.unchangedMs(held));
      ref = await readable(() => watch.changed(held, Math.min(leftMs, silenceMs), asker.signal));
    }
  }

  return { enter, wake: watch.wake };
}

const flying = (flight: Flight | undefined): Entered | 'look' => (flight ? { kind: 'ask', flight } : 'look');

function sleepMs({ value }: Ref): number {
  const { data } = cachedAnswerSchema.safeParse(value);
  const ageMs = data?.state === 'asking' ? data.renewals * data.everyMs : 0;
  return Math.min(SLEEP_MOST_MS, Math.max(SLEEP_LEAST_MS, ageMs / 2));
}

/** Sealed with a key that is gone, or damaged: what is kept is a saving, and no reason for a run to stop. */
async function readable(read: () => Promise<Ref | undefined>): Promise<Ref | undefined | 'unreadable'> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ApplicationFailure && UNREADABLE.includes(error.type ?? '')) return 'unreadable';
    throw error;
  }
}
const UNREADABLE = ['Store.KeyMissing', 'Store.ObjectCorrupt'];
