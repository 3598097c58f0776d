// What a quota limits, and what a worker and the quota workflow say to each other. Times are milliseconds.

/** In the order in which amounts stand. `tokens` are input and output together; `usd` is in millionths. */
export const DIMENSIONS = ['requests', 'tokens', 'input', 'output', 'usd'] as const;
export type Dimension = (typeof DIMENSIONS)[number];
/** One number for each of DIMENSIONS. */
export type Amounts = readonly number[];

/** What limits are of. */
export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;

export const amountOf = (amounts: Amounts, { of }: { of: Dimension }): number => amounts[DIMENSIONS.indexOf(of)] ?? 0;

/** At no time more than `most` within any `perMs`. */
export interface WindowLimit {
  of: Dimension;
  perMs: number;
  most: number;
  /** What may go at once after a rest; what follows is spread evenly, as providers that count by the second want it. Absent: all of it. */
  burst?: number;
}

/** A worker that was not heard for so long asks for nothing, and its configuration does not count. */
export const HEARD_MS = 10_000;

export interface QuotaLimits {
  windows: WindowLimit[];
  /** Requests under way at once. */
  concurrency?: number;
}

export const PRIORITIES = ['high', 'normal', 'low'] as const;
/** Of a run: near a limit the more urgent goes first. */
export type Priority = (typeof PRIORITIES)[number];
/** Behind all of PRIORITIES: what a worker expects to need soon, and nobody waits for yet. */
export const AHEAD_CLASS = PRIORITIES.length;

/** What waits at one worker, of one class and tenant. */
export interface WaitingShare {
  /** Place in PRIORITIES, or AHEAD_CLASS. */
  class: number;
  tenant: string;
  /** Among the tenants of its class. */
  weight: number;
  /** Requests. */
  count: number;
  /** Of the next one, which is granted whole or not at all. */
  first: Amounts;
  /** Of all. */
  all: Amounts;
  /** How long the first has been waiting. */
  ageMs: number;
}

export interface LeaseRequest {
  worker: string;
  /** From 1, one after the other: the same number again is the same request, and is answered alike. Names the lease it brings. */
  seq: number;
  /** As this worker's configuration has them. While workers differ the smaller one counts. */
  limits: QuotaLimits;
  /** What was spent of which lease, `at` by the quota's clock: the latest that it can have been. */
  spent: { lease: number; at: number; amounts: Amounts }[];
  /** What requests took otherwise than reserved: more is positive, less is negative. `at` when they were spent. */
  settled: { at: number; amounts: Amounts }[];
  /** Leases of which nothing will be spent any more. */
  closed: number[];
  /** Requests under way. */
  busy: number;
  waiting: WaitingShare[];
  /** Requests told to come back after so long: those that come now are behind them. */
  away: { class: number; amounts: Amounts; forMs: number }[];
  told?: ToldByProvider;
  /** Of a tenant's budget alone: what is reserved for requests under way, of which a part may be given back. */
  pending?: Amounts;
}

/** What a provider's answers say of its own limits. */
export interface ToldByProvider {
  /** Nothing is to be sent for so long. */
  pauseMs?: number;
  /** Requests that it refused because there were too many. */
  refused?: number;
  /** Its own limits a minute, as far as it says them. */
  requestsPerMinute?: number;
  tokensPerMinute?: number;
}

export interface LeaseAnswer {
  /** The quota's clock, when the lease was given. */
  at: number;
  lease?: {
    amounts: Amounts;
    /** From the moment that the request for it was sent. */
    forMs: number;
    /** Each request has its moment: they lie evenly between these two, from `at`. Those before `at` may go at once. */
    fromMs: number;
    overMs: number;
  };
  /** Requests granted, for each of `waiting`. */
  granted: number[];
  /**
   * How long the first and the last of what is left of each of `waiting` will probably wait. `roomMs`: until there is room for the first of
   * it if none of those that are expected come, who may have been cancelled since.
   */
  waits: { firstMs: number; lastMs: number; roomMs?: number; by?: WaitsBy }[];
  /** Nothing is to be sent for so long, whatever is held. */
  pausedMs: number;
  /** When to ask again where something waits. */
  askAgainMs: number;
  /** Where `pending` was told: of each limit. */
  left?: BudgetLeft[];
}

export interface BudgetLeft extends Pick<WindowLimit, 'of' | 'perMs' | 'most'> {
  /** Not spent for good: what is reserved for requests under way, or held by workers, is in it. */
  left: number;
}

/** Which limit keeps a request waiting; `provider` where it said itself that nothing is to be sent. */
export type WaitsBy = Pick<WindowLimit, 'of' | 'perMs'> | 'concurrency' | 'provider';

/** The input of the quota workflow. */
export interface QuotaInput {
  schemaVersion: 1;
  /** What it is of: as `provider/model`, or the name of a tenant. */
  route: string;
  /** Continue-as-new carries it; and where the one before was ended by somebody, it is read from its history. */
  carried?: LedgerState;
  /** There was one before it, and what it knew is lost: a full window of it counts. */
  isHeir?: boolean;
}

/** Everything that the quota workflow knows, as JSON. */
export interface LedgerState {
  /** When it was first asked. */
  begunAt?: number;
  /** There was one before it, of which nothing is known. */
  isHeir?: boolean;
  windows: WindowState[];
  leases: LeaseState[];
  workers: WorkerState[];
  /** What each class and tenant has been given, against its weight: the least goes first. */
  shares: { key: string; given: number; at: number }[];
  away: { class: number; due: number; amounts: Amounts }[];
  pausedUntil: number;
  /** Set where the provider refused what should have been within the limits: the part of the pace that is kept, and since when. */
  slowed?: { to: number; at: number };
  /** The provider's own limits, where it says them. */
  provider?: { requests?: number; tokens?: number; at: number };
}

export interface WindowState {
  of: Dimension;
  perMs: number;
  /** Number of the bucket, and what was spent in it; oldest first. */
  buckets: [number, number][];
  /** Until when the pace is used up: milliseconds since the epoch. */
  paceAt: number;
}

export interface LeaseState {
  worker: string;
  seq: number;
  at: number;
  until: number;
  /** Not reported as spent. */
  left: Amounts;
}

export interface WorkerState {
  id: string;
  heardAt: number;
  seq: number;
  answer: LeaseAnswer;
  limits: QuotaLimits;
  busy: number;
  /** What it was not granted. */
  waiting: WaitingShare[];
  /** See `LeaseRequest`. */
  pending?: Amounts;
}

/** The answer to the `quota` query. `used` includes `pending`, which a tenant's budget alone has. */
export interface QuotaView {
  /** As `QuotaInput` has it. */
  route: string;
  /** The quota's clock, when it last heard of a worker. */
  at: number;
  limits: { of: Dimension; perMs: number; most: number; used: number; leased: number; pending?: number }[];
  concurrency?: { most: number; busy: number };
  /** Requests that wait, by class. */
  waiting: { priority: string; tenant: string; count: number }[];
  /** Told to come back later. */
  away: number;
  workers: number;
  pausedUntil?: number;
  /** Part of the pace that is used, where the provider refused more. */
  slowedTo?: number;
  provider?: { requests?: number; tokens?: number };
}
