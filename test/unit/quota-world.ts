// Workers, their quota and a provider on one virtual clock: requests are counted when they arrive, as a provider does.
import { createLessor, type Lessor } from '../../activities/gateway/quota/lessor';
import {
  DIMENSIONS,
  type Amounts,
  type LeaseAnswer,
  type LeaseRequest,
  type LedgerState,
  type QuotaLimits,
  type WindowLimit,
} from '../../workflows/contract/quota';
import { lease, newLedger } from '../../workflows/quota/ledger';

export interface Arrival {
  at: number;
  worker: number;
  tenant: string;
  amounts: Amounts;
}

export interface WorldOptions {
  limits: QuotaLimits;
  seed: number;
  /** On the way to the provider, at most. */
  travelMs?: number;
  /** To the quota and back, at most. */
  roundTripMs?: number;
  /** Part of the answers of the quota that are lost on their way. */
  lost?: number;
  shortWaitMs?: number;
  weights?: { readonly [tenant: string]: number };
}

interface Event {
  at: number;
  nth: number;
  work(): void;
}

export interface World {
  readonly arrivals: readonly Arrival[];
  readonly away: readonly { at: number; ms: number }[];
  readonly ledger: () => LedgerState;
  now(): number;
  /** @returns its number */
  addWorker(options?: { clockStartsAt?: number; limits?: QuotaLimits }): number;
  kill(worker: number): void;
  at(ms: number, work: () => void): void;
  request(
    worker: number,
    what: { reserved: Amounts; actual?: Amounts; tenant?: string; class?: number; takesMs?: number; waitedMs?: number },
  ): void;
  told(worker: number, told: Parameters<Lessor['told']>[0]): void;
  /** Nothing is answered meanwhile. */
  silence(isSilent: boolean): void;
  run(untilMs: number): Promise<void>;
}

const EPOCH = 1_700_000_000_000;

export function createWorld(options: WorldOptions): World {
  const { limits, travelMs = 0, roundTripMs = 40, lost = 0, shortWaitMs = 3_000, weights = {} } = options;
  const random = seeded(options.seed);
  let now = 0;
  let nth = 0;
  const events: Event[] = [];
  let state = newLedger();
  let isSilent = false;
  const arrivals: Arrival[] = [];
  const away: { at: number; ms: number }[] = [];
  const workers: { lessor: Lessor; isDead: boolean; clock(): number }[] = [];

  const at = (ms: number, work: () => void): void => {
    nth += 1;
    const event = { at: Math.max(now, ms), nth, work };
    let place = events.length;
    while (place > 0 && isAfter(events[place - 1], event)) place -= 1;
    events.splice(place, 0, event);
  };
  const ask = (request: LeaseRequest): Promise<LeaseAnswer> =>
    new Promise((resolve, reject) => {
      const text = JSON.stringify(request);
      at(now + (random() * roundTripMs) / 2, () => {
        if (isSilent) return void at(now + 200, () => reject(new Error('silent')));
        // As continue-as-new carries it.
        state = copy(state);
        const answer = lease(state, JSON.parse(text) as LeaseRequest, Math.floor(EPOCH + now));
        const isLost = random() < lost;
        at(now + (random() * roundTripMs) / 2, () => (isLost ? reject(new Error('lost')) : resolve(copy(answer))));
      });
    });

  return {
    arrivals,
    away,
    ledger: () => state,
    now: () => now,
    addWorker({ clockStartsAt = 0, limits: own = limits } = {}) {
      const worker = workers.length;
      const clock = (): number => now + clockStartsAt;
      const one = { isDead: false, clock };
      const lessor = createLessor({
        worker: `worker-${worker}`,
        limits: own,
        shortWaitMs,
        weightOf: (tenant) => weights[tenant] ?? 1,
        clock: {
          now: clock,
          after(ms, work) {
            let isOff = false;
            at(now + ms, () => void (isOff || workers[worker]?.isDead || work()));
            return () => void (isOff = true);
          },
        },
        ask,
        sentAway: (_, { ms }) => {
          away.push({ at: now, ms });
          return new Error('away');
        },
      });
      workers.push({ ...one, lessor });
      return worker;
    },
    kill(worker) {
      const one = workers[worker];
      if (!one) return;
      one.isDead = true;
      one.lessor.stop();
    },
    at,
    request,
    told: (worker, told) => workers[worker]?.lessor.told(told),
    silence: (silent) => void (isSilent = silent),
    async run(untilMs) {
      for (;;) {
        const [next] = events;
        if (!next || next.at > untilMs) break;
        events.shift();
        now = next.at;
        next.work();
        // Answers go through a few promises.
        for (let hop = 0; hop < 6; hop += 1) await Promise.resolve();
      }
      now = untilMs;
    },
  };

  function request(worker: number, what: Parameters<World['request']>[1]): void {
    const { reserved, actual = reserved, tenant = 'acme', class: ofClass = 1, takesMs = 100, waitedMs = 0 } = what;
    const one = workers[worker];
    if (!one || one.isDead) return;
    const admitted = (spent: { at: number; amounts: Amounts }): void => {
      at(now + random() * travelMs, () => {
        arrivals.push({ at: now, worker, tenant, amounts: actual });
        at(now + takesMs, () => {
          if (one.isDead) return;
          one.lessor.ended(
            spent,
            DIMENSIONS.map((_, dimension) => (actual[dimension] ?? 0) - (reserved[dimension] ?? 0)),
          );
        });
      });
    };
    const held = one.lessor.takeNow({ amounts: reserved, class: ofClass });
    if (held) return admitted(held);
    const arrivedAt = now;
    one.lessor.wait({
      amounts: reserved,
      class: ofClass,
      tenant,
      since: one.clock() - waitedMs,
      arrivedAt: one.clock(),
      admit: admitted,
      // As a workflow does: it sleeps and asks again.
      refuse: () =>
        at(now + Math.max(1_000, away.at(-1)?.ms ?? 0), () =>
          request(worker, { ...what, waitedMs: now - arrivedAt + waitedMs }),
        ),
    });
  }
}

/** How many a provider refuses that holds a bucket of `most`, refilled within `perMs`. */
export function refusedBy(arrivals: readonly Arrival[], { most, perMs }: { most: number; perMs: number }): number {
  let level = most;
  let last = 0;
  let refused = 0;
  for (const { at } of [...arrivals].sort((a, b) => a.at - b.at)) {
    level = Math.min(most, level + ((at - last) * most) / perMs);
    last = at;
    if (level >= 1) level -= 1;
    else refused += 1;
  }
  return refused;
}

/** The most that arrived within any window of that length, and the least, from and to. */
export function windowsOf(
  arrivals: readonly Arrival[],
  { of, perMs }: WindowLimit,
  from: number,
  to: number,
): { most: number; least: number } {
  const nth = DIMENSIONS.indexOf(of);
  let most = 0;
  let least = Infinity;
  let sum = 0;
  let first = 0;
  const sorted = [...arrivals].sort((a, b) => a.at - b.at);
  for (const { at, amounts } of sorted) {
    for (let old = sorted[first]; old && old.at <= at - perMs; old = sorted[first]) {
      sum -= old.amounts[nth] ?? 0;
      first += 1;
    }
    // Just before this one the window is at its emptiest.
    if (at >= from + perMs && at <= to) least = Math.min(least, sum);
    sum += amounts[nth] ?? 0;
    most = Math.max(most, sum);
  }
  return { most, least };
}

const isAfter = (one: Event | undefined, other: Event): boolean =>
  one !== undefined && (one.at > other.at || (one.at === other.at && one.nth > other.nth));
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
