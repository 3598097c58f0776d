// Workers, their quota and a provider on one virtual clock: requests are counted when they arrive, as a provider does.
import { createLessor, type Lessor } from '../../activities/gateway/quota/lessor';
import {
  DIMENSIONS,
  type Amounts,
  type LeaseAnswer,
  type LeaseRequest,
  type LedgerState,
  type QuotaLimits,
} from '../../workflows/contract/quota';
import { simulatedBudget, Refused } from './quota-world-budget';
import { lease, newLedger } from '../../workflows/quota/ledger';

export interface Arrival {
  at: number;
  worker: number;
  tenant: string;
  class: number;
  amounts: Amounts;
  /** When it is answered. */
  until: number;
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
  /** As the budget of a tenant: nobody waits for what does not come back. */
  isBudget?: boolean;
}

interface Event {
  at: number;
  nth: number;
  work(): void;
}

export interface World {
  readonly arrivals: readonly Arrival[];
  readonly away: readonly { at: number; ms: number }[];
  /** For good: of a budget. */
  readonly refused: readonly { at: number; amounts: Amounts }[];
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
  /** All that the quota knew is gone: somebody has terminated it. */
  forget(): void;
  run(untilMs: number): Promise<void>;
}

const EPOCH = 1_700_000_000_000;
const TAKES_MS = 100;
/** Requests of a lease. */
const CARRIED_EVERY = 20;

/** What happens when, by one clock that stands still in between. */
interface Timeline {
  now(): number;
  at(ms: number, work: () => void): void;
  run(untilMs: number): Promise<void>;
}

function createTimeline(): Timeline {
  let now = 0;
  let nth = 0;
  const events: Event[] = [];
  return {
    now: () => now,
    at(ms, work) {
      nth += 1;
      const event = { at: Math.max(now, ms), nth, work };
      let place = events.length;
      while (place > 0 && isAfter(events[place - 1], event)) place -= 1;
      events.splice(place, 0, event);
    },
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
}

/** The quota, behind a way on which answers can be lost. */
interface Authority {
  ledger(): LedgerState;
  silence(isSilent: boolean): void;
  forget(): void;
  ask(request: LeaseRequest): Promise<LeaseAnswer>;
}

function createAuthority(
  { now, at }: Timeline,
  random: () => number,
  { roundTripMs = 40, lost = 0 }: WorldOptions,
): Authority {
  let state = newLedger();
  let isSilent = false;
  let asked = 0;
  return {
    ledger: () => state,
    silence: (value) => void (isSilent = value),
    forget: () => void (state = newLedger()),
    ask: (request) =>
      new Promise((resolve, reject) => {
        // As it is when it is sent, whatever becomes of it here.
        const sent = structuredClone(request);
        at(now() + (random() * roundTripMs) / 2, () => {
          if (isSilent) return void at(now() + 200, () => reject(new Error('silent')));
          // As continue-as-new carries it, though less seldom than that comes.
          asked += 1;
          if (asked % CARRIED_EVERY === 0) state = structuredClone(state);
          const answer = structuredClone(lease(state, sent, Math.floor(EPOCH + now())));
          const isLost = random() < lost;
          at(now() + (random() * roundTripMs) / 2, () => (isLost ? reject(new Error('lost')) : resolve(answer)));
        });
      }),
  };
}

interface SimulatedWorker {
  lessor: Lessor;
  isDead: boolean;
  clock(): number;
}

export function createWorld(options: WorldOptions): World {
  const random = seeded(options.seed);
  const timeline = createTimeline();
  const authority = createAuthority(timeline, random, options);
  const arrivals: Arrival[] = [];
  const away: { at: number; ms: number }[] = [];
  const refused: { at: number; amounts: Amounts }[] = [];
  const workers: SimulatedWorker[] = [];
  const { now, at, run } = timeline;
  return {
    ...{ arrivals, away, refused, now, at, run },
    ledger: authority.ledger,
    silence: authority.silence,
    forget: authority.forget,
    addWorker({ clockStartsAt = 0, limits = options.limits } = {}) {
      const name = `worker-${workers.length}`;
      const { ask } = authority;
      workers.push(
        createSimulatedWorker(timeline, { ...options, ...{ name, ask, away, refused, limits, clockStartsAt } }),
      );
      return workers.length - 1;
    },
    kill(worker) {
      const one = workers[worker];
      if (!one) return;
      one.isDead = true;
      one.lessor.stop();
    },
    request(worker, what) {
      const one = workers[worker];
      if (!one || one.isDead) return;
      const { travelMs = 0 } = options;
      const { reserved, actual: amounts = reserved, tenant = 'acme', class: ofClass = 1, takesMs = TAKES_MS } = what;
      request(timeline, one, what, {
        waitMs: () => Math.max(1_000, away.at(-1)?.ms ?? 0),
        send: (arrived) =>
          at(now() + random() * travelMs, () => {
            arrivals.push({ at: now(), until: now() + takesMs, worker, tenant, class: ofClass, amounts });
            arrived();
          }),
      });
    },
    told: (worker, told) => workers[worker]?.lessor.told(told),
  };
}

type WorkerOptions = Pick<WorldOptions, 'limits' | 'shortWaitMs' | 'weights' | 'isBudget'> &
  Pick<Authority, 'ask'> & {
    name: string;
    clockStartsAt: number;
    away: { at: number; ms: number }[];
    refused: { at: number; amounts: Amounts }[];
  };

function createSimulatedWorker(
  { now, at }: Timeline,
  { name, limits, shortWaitMs = 3_000, weights = {}, ask, clockStartsAt, away, refused, isBudget }: WorkerOptions,
): SimulatedWorker {
  const clock = (): number => now() + clockStartsAt;
  const after = (ms: number, work: () => void): (() => void) => {
    let isOff = false;
    // As a timer of Node's: what is due within a rounding error would never come.
    at(now() + Math.max(1, ms), () => void (isOff || one.isDead || work()));
    return () => void (isOff = true);
  };
  const lessor = createLessor({
    ...{ worker: name, limits, shortWaitMs, ask },
    weightOf: (tenant) => weights[tenant] ?? 1,
    clock: { now: clock, after },
    sentAway: (_, { ms, againMs = ms }) => {
      away.push({ at: now(), ms: againMs });
      return { error: new Error('away'), comesBack: true };
    },
    ...(isBudget ? { budget: simulatedBudget(now, refused) } : {}),
  });
  const one: SimulatedWorker = { lessor, isDead: false, clock };
  return one;
}

function request(
  timeline: Timeline,
  one: SimulatedWorker,
  what: Parameters<World['request']>[1],
  { waitMs, send }: { waitMs(): number; send(arrived: () => void): void },
): void {
  const { now, at } = timeline;
  const { reserved, actual = reserved, tenant = 'acme', class: ofClass = 1, takesMs = TAKES_MS, waitedMs = 0 } = what;
  if (one.isDead) return;
  const change = DIMENSIONS.map((_, nth) => (actual[nth] ?? 0) - (reserved[nth] ?? 0));
  const admitted = (spent: { at: number; amounts: Amounts }): void =>
    send(() => at(now() + takesMs, () => void (one.isDead || one.lessor.ended(spent, change))));
  const held = one.lessor.takeNow({ amounts: reserved, class: ofClass });
  if (held) return admitted(held);
  const arrivedAt = now();
  one.lessor.wait({
    ...{ amounts: reserved, class: ofClass, tenant, admit: admitted },
    since: one.clock() - waitedMs,
    arrivedAt: one.clock(),
    // As a workflow does: it sleeps and asks again.
    refuse: (error) =>
      error instanceof Refused ||
      at(now() + waitMs(), () =>
        request(timeline, one, { ...what, waitedMs: now() - arrivedAt + waitedMs }, { waitMs, send }),
      ),
  });
}

const isAfter = (one: Event | undefined, other: Event): boolean =>
  one !== undefined && (one.at > other.at || (one.at === other.at && one.nth > other.nth));

function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
