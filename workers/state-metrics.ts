// How things stand, asked for when it is scraped and not more often than every few seconds: what waits for people, how full queues and quotas
// are, and whether Temporal and the store answer. Each worker tells the same of what all share: take the greatest, not the sum.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { OfRelease } from '../activities';
import type { QueueView } from '../workflows/contract/queue';
import type { QuotaView } from '../workflows/contract/quota';
import { RELEASE_CHARS } from './release-series';

export interface StateMetricsOptions {
  /** Each may reject, or not answer: then nothing is said of it. */
  approvals(): Promise<(OfRelease & { askedAt: number })[]>;
  /** Those under way; the release is the candidate. */
  rollouts(): Promise<OpenRollout[]>;
  queues(): Promise<{ queue: string; depth: number; views: QueueView[] }[]>;
  quotas(): Promise<{ model: string; view: QuotaView }[]>;
  temporal(): Promise<unknown>;
  store(): Promise<unknown>;
  /** Milliseconds since the epoch. @default Date.now */
  now?(): number;
}

export interface OpenRollout extends OfRelease {
  /** Of new runs, from 0 to 1. */
  share: number;
  /** Absent of one that goes on. */
  pausedAt?: number;
}

/** A scrape a quarter of a minute is usual. */
const LOOK_MS = 10_000;
/** A scrape must be answered within ten seconds, as a rule. */
const ANSWER_MS = 2_000;

type Look<T> = () => Promise<T | undefined>;

export function stateMetrics(registry: Registry, options: StateMetricsOptions): void {
  const now = options.now ?? Date.now;
  const looking = <T>(look: () => Promise<T>): Look<T> => remembered(() => within(look()), now);
  approvalGauges(registry, looking(options.approvals), now);
  rolloutGauges(registry, looking(options.rollouts), now);
  queueGauges(registry, looking(options.queues), now);
  quotaGauges(registry, looking(options.quotas));
  const reaches = { temporal: looking(options.temporal), store: looking(options.store) };
  new Gauge({
    name: 'agent_dependency_up',
    help: 'Whether Temporal, and the store, answer this process: 1, or 0. Alert where it is 0.',
    labelNames: ['dependency'],
    registers: [registry],
    async collect() {
      for (const [dependency, reach] of Object.entries(reaches))
        this.set({ dependency }, (await reach()) === undefined ? 0 : 1);
    },
  });
}

function approvalGauges(registry: Registry, look: Look<(OfRelease & { askedAt: number })[]>, now: () => number): void {
  const shared = { labelNames: ['agent', 'release'], registers: [registry] };
  const labelsOf = ({ agent, release }: OfRelease) => ({ agent, release: release.slice(0, RELEASE_CHARS) });
  new Gauge({
    ...shared,
    name: 'agent_approvals_waiting',
    help: 'What runs have asked people and nobody has answered. The same from every worker.',
    async collect() {
      this.reset();
      for (const one of (await look()) ?? []) this.inc(labelsOf(one));
    },
  });
  new Gauge({
    ...shared,
    name: 'agent_approval_oldest_age_seconds',
    help: 'How long the oldest of what waits for a person has been waiting. The same from every worker.',
    async collect() {
      this.reset();
      // The oldest last, so that it stays.
      const newestFirst = [...((await look()) ?? [])].sort((a, b) => b.askedAt - a.askedAt);
      for (const one of newestFirst) this.set(labelsOf(one), Math.max(0, now() - one.askedAt) / 1_000);
    },
  });
}

function rolloutGauges(registry: Registry, look: Look<OpenRollout[]>, now: () => number): void {
  const shared = { labelNames: ['agent', 'release'], registers: [registry] };
  const labelsOf = ({ agent, release }: OfRelease) => ({ agent, release: release.slice(0, RELEASE_CHARS) });
  new Gauge({
    ...shared,
    name: 'agent_rollout_share_ratio',
    help: 'Part of new runs that take the candidate of a rollout, from 0 to 1. The same from every worker.',
    async collect() {
      this.reset();
      for (const one of (await look()) ?? []) this.set(labelsOf(one), one.share);
    },
  });
  new Gauge({
    ...shared,
    name: 'agent_rollout_paused_seconds',
    help: 'How long a rollout has been waiting for a person: 0 of one that goes on. The same from every worker.',
    async collect() {
      this.reset();
      for (const one of (await look()) ?? [])
        this.set(labelsOf(one), one.pausedAt === undefined ? 0 : Math.max(0, now() - one.pausedAt) / 1_000);
    },
  });
}

function queueGauges(
  registry: Registry,
  look: Look<{ queue: string; depth: number; views: QueueView[] }[]>,
  now: () => number,
): void {
  const shared = { labelNames: ['queue', 'shard'], registers: [registry] };
  new Gauge({
    name: 'agent_queue_depth_limit',
    help: 'Runs that may wait in a queue at most: the next one is refused.',
    labelNames: ['queue'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { queue, depth } of (await look()) ?? []) this.set({ queue }, depth);
    },
  });
  new Gauge({
    ...shared,
    name: 'agent_queue_oldest_wait_seconds',
    help: 'How long the run that has waited longest has been waiting for a place: 0 where none does. The same from every worker.',
    async collect() {
      this.reset();
      for (const { queue, views } of (await look()) ?? [])
        for (const { shard, oldestAt } of views)
          this.set({ queue, shard }, oldestAt === undefined ? 0 : Math.max(0, now() - oldestAt) / 1_000);
    },
  });
  new Counter({
    ...shared,
    name: 'agent_queue_refused_total',
    help: 'Runs that were refused because their queue was full, since it began. The same from every worker.',
    async collect() {
      this.reset();
      for (const { queue, views } of (await look()) ?? [])
        for (const { shard, counts } of views) this.inc({ queue, shard }, counts.refused);
    },
  });
}

function quotaGauges(registry: Registry, look: Look<{ model: string; view: QuotaView }[]>): void {
  new Gauge({
    name: 'agent_quota_used_ratio',
    help: 'Part of a limit that is used, from 0 to 1: of requests, tokens or dollars in a period of seconds, or of concurrency. The same from every worker.',
    labelNames: ['model', 'limit', 'period'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { model, view } of (await look()) ?? []) {
        for (const { of, perMs, most, used } of view.limits)
          this.set({ model, limit: of, period: String(perMs / 1_000) }, most > 0 ? used / most : 0);
        const { concurrency } = view;
        if (concurrency && concurrency.most > 0)
          this.set({ model, limit: 'concurrency', period: '0' }, concurrency.busy / concurrency.most);
      }
    },
  });
  new Gauge({
    name: 'agent_quota_requests_waiting',
    help: 'Requests that wait for the quota of a model, in workers and in runs. The same from every worker.',
    labelNames: ['model'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { model, view } of (await look()) ?? [])
        this.set({ model }, view.away + view.waiting.reduce((sum, { count }) => sum + count, 0));
    },
  });
}

/** All gauges of one scrape are filled by one look. */
function remembered<T>(look: Look<T>, now: () => number): Look<T> {
  let last: { at: number; found: Promise<T | undefined> } | undefined;
  return () => {
    if (!last || last.at + LOOK_MS < now()) last = { at: now(), found: look() };
    return last.found;
  };
}

/** Undefined where it fails or is late. */
export async function within<T>(asked: Promise<T>, answerMs = ANSWER_MS): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), answerMs);
  });
  const answered = await Promise.race([asked.catch(() => undefined), late]);
  clearTimeout(timer);
  return answered;
}
