// What a queue of runs is set to, and what callers and its workflow say to each other. Times are milliseconds.
import type { RunFailure } from './failures';
import type { Priority } from './quota';
import type { RunLimits } from './run';

/** As the configuration has them, read from the store by whoever asks the queue. */
export interface QueueSettings {
  /** Grows when workers publish other settings: the newest that the queue was told counts. */
  version: number;
  /** Runs that wait, at most. Those that have begun are not among them. */
  depth: number;
  /** Runs that have begun and not ended, at most. */
  concurrency: number;
  /** A run that has waited for so long is ended, with `Queue.Expired`. Absent: it waits. */
  ttlMs?: number;
  /** Of tenants, by name; 1 where it has none. */
  weights: { [tenant: string]: number };
  /** Workflows that the queue is made of. Depth and concurrency are divided among them. */
  shards: number;
  /** By rising `above`. */
  degrade: DegradeStep[];
}

/** The part of a queue that takes a run, as whoever asks for a place knows it. */
export interface FoundQueue {
  name: string;
  shard: number;
  /** Id of its workflow. */
  workflow: string;
  settings: QueueSettings;
}

/** What becomes of runs that begin while more than a part of the queue's places are taken. */
export interface DegradeStep {
  /** Part of `depth`, of 0 to 1. */
  above: number;
  /** The smaller of these and of the run's own hold. */
  limits?: Partial<RunLimits>;
  /** Asked instead of the release's own route, as `provider/model`. */
  route?: string[];
  /** Callers that would wait for an answer are given the run's id instead. */
  sync?: 'async';
}

/** Of the queue's workflow. */
export interface QueueInput {
  schemaVersion: 1;
  queue: string;
  shard: number;
  settings: QueueSettings;
  /** Continue-as-new carries it; and where the one before was ended by somebody, it is read from its history. */
  carried?: QueueState;
}

/** All that a queue is told of a run: the rest is in the run's record. */
export interface QueueItem {
  run: string;
  tenant: string;
  priority: Priority;
}

export interface EnqueueRequest {
  settings: QueueSettings;
  /** At most ITEMS_MOST. */
  items: QueueItem[];
}

export const ITEMS_MOST = 100;

/** How long a run will probably wait from now: of ten waits at least eight lie within it. */
export interface WaitRange {
  fromMs: number;
  toMs: number;
}

export interface QueuePlace {
  /** 1 begins next. 0 where it has begun. */
  position: number;
  /** Absent where no run of the queue has ended yet, so that nobody knows. */
  wait?: WaitRange;
  /** The step of degradation that holds now. */
  degraded?: DegradeStep;
}

export type EnqueueAnswer =
  | ({ kind: 'waiting' } & QueuePlace)
  /** It has begun, or has ended. */
  | { kind: 'begun' }
  | { kind: 'full'; depth: number; retryAfterMs: number };

export interface WithdrawRequest {
  run: string;
  failure: RunFailure;
}
/** `unknown`: it does not wait here, and has not begun from here. */
export type WithdrawAnswer = 'withdrawn' | 'begun' | 'unknown';

/** The answer to the `queue` query. */
export interface QueueView {
  queue: string;
  shard: number;
  settings: QueueSettings;
  waiting: { priority: Priority; tenant: string; count: number }[];
  /** Runs that wait. */
  depth: number;
  /** Runs that have begun and not ended. */
  running: number;
  /** When the run began to wait that has waited longest; by the clock of Temporal. */
  oldestAt?: number;
  /** What one that came now would wait. */
  wait?: WaitRange;
  degraded?: DegradeStep;
  /** Mean time that a run has its place, of those that ended lately. */
  serviceMs?: number;
  counts: QueueCounts;
}

/** Since the queue began. */
export interface QueueCounts {
  accepted: number;
  refused: number;
  begun: number;
  expired: number;
  withdrawn: number;
  degraded: number;
  /** Of the waits whose range was told: those that lay within it. */
  within: number;
  told: number;
}

/** Everything that a queue knows, as JSON. */
export interface QueueState {
  queue: string;
  shard: number;
  settings: QueueSettings;
  /** In the order in which they came. */
  waiting: WaitingRun[];
  slots: RunSlot[];
  /** To be ended without having begun, until their records say so. */
  leaving: LeavingRun[];
  /** Of runs that have left, newest last: what they are asked for again is answered. */
  gone: string[];
  /** Turns of tenants, see workflows/queue/turns.ts. */
  turns: TurnsState;
  estimates: EstimatesState;
  /** When slots were last looked at whose runs are not heard of. */
  reconciledAt: number;
  counts: QueueCounts;
}

/** Short names: a thousand of them are carried. */
export interface WaitingRun {
  run: string;
  tenant: string;
  /** Place in PRIORITIES. */
  class: number;
  /** When it came. */
  at: number;
  /** What was said of its wait: after how many ends of others, and how long. */
  said?: [ends: number, ms: number, fromMs: number, toMs: number];
}

export interface RunSlot {
  run: string;
  at: number;
  /** It is being started: nobody has answered yet. */
  starting?: true;
  step?: DegradeStep;
}

export interface LeavingRun {
  run: string;
  at: number;
  outcome: 'failed' | 'cancelled';
  failure: RunFailure;
}

export interface TurnsState {
  /** By class: how far its tenants have come. */
  reached: number[];
  /** Of class and tenant: where the next one's turn is, where that is ahead of the others'. */
  next: [key: string, at: number][];
}

/** See workflows/queue/estimates.ts. */
export interface EstimatesState {
  /** When places were taken and given back, of those given back last; newest last. */
  stays: [from: number, until: number][];
  /** Whether there were more of them. */
  hasForgotten: boolean;
  /** Waits against what was expected of them, newest last; by class and by the number of ends that they waited for. `at`: of the newest. */
  ratios: { [group: string]: { at: number; last: number[] } };
  /** The part of waits that may lie outside of their ranges, as it is adjusted. */
  outside: number;
}
