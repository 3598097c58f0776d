// A question that this process asks for all: the claim on it, renewed for as long as the model is asked, until the answer takes its place.
import { cachedAnswerSchema, type CachedAnswer } from '../../../workflows/contract/schemas/cached-answer';
import type { ContentStore, Ref, RefWrite } from '../../store/port';

export interface Flight {
  readonly name: string;
  /**
   * The claim is not renewed any more.
   * @returns to be written together with the answer's own record; undefined where somebody else has taken the question over
   */
  land(answered: Extract<CachedAnswer, { state: 'answered' }>, ttlMs: number): Promise<RefWrite | undefined>;
  /**
   * Nothing comes of it, and whoever waits asks. Never throws: a claim that nobody renews ends by itself.
   * @param misses counted as one more without an answer to share; `Infinity` where no other attempt would have one
   */
  giveUp(misses: number): Promise<void>;
}

export interface FlightDeps {
  store: Pick<ContentStore, 'commit' | 'deleteRef' | 'readRef'>;
  now(): number;
  wake(name: string): void;
}

/** Left behind by a process that died with nobody waiting: many times a clock's error. */
const CLAIM_ENDS_MS = 10 * 60_000;
/** That others had nothing to share is forgotten: the provider may be well again. */
const OPEN_ENDS_MS = 60_000;

interface ToClaim {
  name: string;
  claimed: Extract<CachedAnswer, { state: 'asking' }>;
  /** No claim is renewed for longer. */
  mostMs: number;
  /** What gives way. */
  over: Ref | undefined;
}

/** @returns undefined where somebody else was faster */
export async function createFlight(deps: FlightDeps, toClaim: ToClaim): Promise<Flight | undefined> {
  const { store, now, wake } = deps;
  const { name, mostMs, over } = toClaim;
  let claimed = toClaim.claimed;
  let version = over?.version;

  /** An answer that got lost on its way is no answer: what is there tells whose claim it is. */
  async function holds(): Promise<boolean> {
    const kept = await store.readRef(name);
    const { data } = cachedAnswerSchema.safeParse(kept?.value);
    const isOurs = data?.state === 'asking' && data.claim === claimed.claim;
    version = isOurs ? kept?.version : undefined;
    return isOurs;
  }

  async function write(value: CachedAnswer, endsMs: number): Promise<void> {
    const about = { name, value, expiresAt: now() + endsMs };
    await store.commit({
      refs: [version === undefined ? { op: 'create', ...about } : { op: 'compare-and-set', ...about, version }],
    });
  }

  await write(claimed, CLAIM_ENDS_MS);
  if (!(await holds())) return undefined;
  let isHeld = true;
  let renewing: Promise<void> = Promise.resolve();
  const renew = async (): Promise<void> => {
    const next = { ...claimed, renewals: claimed.renewals + 1 };
    try {
      await write(next, CLAIM_ENDS_MS);
      isHeld = await holds();
      claimed = next;
    } catch {
      // A store that is away is asked again with the next renewal.
    }
    if (!isHeld || claimed.renewals * claimed.everyMs > mostMs) clearInterval(timer);
  };
  const timer = setInterval(() => {
    renewing = renewing.then(renew);
  }, claimed.everyMs);
  timer.unref();
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    await renewing;
  };

  return {
    name,
    land: async (answered, ttlMs) => {
      await stop();
      if (!isHeld || version === undefined) return undefined;
      return { op: 'compare-and-set', name, version, value: answered, expiresAt: now() + ttlMs };
    },
    giveUp: async (more) => {
      await stop();
      const misses = Math.min(MISSES_KEPT, claimed.misses + more);
      try {
        if (!isHeld || version === undefined) return;
        if (misses === 0) await store.deleteRef(name, version);
        else await write({ schemaVersion: 1, state: 'open', misses }, OPEN_ENDS_MS);
        wake(name);
      } catch {
        // Said above: it ends by itself.
      }
    },
  };
}

/** JSON has no infinity. */
const MISSES_KEPT = 1_000;

/** Asks beside others, and shares what comes of it where nothing else was shared meanwhile. */
export function standBy({ now }: FlightDeps, { name, version }: Ref): Flight {
  return {
    name,
    land: (answered, ttlMs) =>
      Promise.resolve({ op: 'compare-and-set', name, version, value: answered, expiresAt: now() + ttlMs }),
    giveUp: () => Promise.resolve(),
  };
}
