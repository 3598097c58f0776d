// The quota of each model, as the gateway asks for it: at once where a lease is held, after a short wait, or as a wait of the workflow.
import { createHash } from 'node:crypto';
import { minus } from '../../../workflows/contract/amounts';
import type { Usage } from '../../../workflows/contract/message';
import {
  amountOf,
  DIMENSIONS,
  PRIORITIES,
  type Amounts,
  type LeaseAnswer,
  type LeaseRequest,
  type QuotaLimits,
} from '../../../workflows/contract/quota';
import { failure } from '../../failure';
import { ModelWaitError } from '../../model/model-wait-error';
import { UNKNOWN_PRICES, type Prices } from '../money/prices';
import type { Admission, Caller, Expected, Quota } from '../ports';
import type { Clock } from './alarm';
import { describeUntil, describeWait } from './describe-limit';
import type { Spent } from './lease-pool';
import { createLessor, type Lessor } from './lessor';
import { mostOutputWithin } from './output-within';
import { createReserving, type Reserve, type Reserving } from './reserve';
import { saneUsage } from './sane-usage';
import { neverFits } from './too-small';
import { waitInLine } from './wait-in-line';
import type { LongWait, Waiter } from './waiting-line';

export interface QuotaSettings {
  limits: QuotaLimits;
  reserve: Reserve;
  /** A request that would wait for longer is shed. Milliseconds. */
  patienceMs: number;
  /** By tenant. @default 1 */
  weights: { readonly [tenant: string]: number };
  /** Names the key that the limits are of. */
  key: string;
}

export interface GatewayQuotaOptions {
  /** By `provider/model`. A model that is not here is not limited. */
  quotas: { readonly [route: string]: QuotaSettings };
  /** Tells this process from others, and from its own earlier lives. */
  worker: string;
  /** @throws when the quota does not answer */
  ask(route: string, settings: QuotaSettings, request: LeaseRequest): Promise<LeaseAnswer>;
  /** @default UNKNOWN_PRICES */
  prices?: Prices;
  /** Milliseconds since the epoch: used until the quota has told its own time. */
  now(): number;
  /** @default the process's */
  clock?: Clock;
  /** @default SHORT_WAIT_MS */
  shortWaitMs?: number;
}

/** Longer ones are slept in the workflow, outside of any slot. */
export const SHORT_WAIT_MS = 3_000;
const KEY_CHARS = 8;

/** Names a key by where it comes from, never by what it is. */
export const keyNameOf = (keyFrom: string): string =>
  createHash('sha256').update(keyFrom).digest('hex').slice(0, KEY_CHARS);

export const STEADY: Clock = {
  now: () => performance.now(),
  after(ms, work) {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

const FREE: Admission = { settle: () => undefined, release: () => undefined };

export interface GatewayQuota extends Quota {
  /** What this process holds is given back, and what it has spent is told: before it stops, when nothing is under way any more. */
  finish(): Promise<void>;
  stop(): void;
}

interface Open {
  route: string;
  settings: QuotaSettings;
  lessor: Lessor;
  reserving: Reserving;
  prices: Prices;
  clock: Clock;
  shortWaitMs: number;
  /** Milliseconds since the epoch: by the quota's clock, as far as it has told it. */
  time(): number;
}

export function createGatewayQuota(options: GatewayQuotaOptions): GatewayQuota {
  const open = new Map<string, Open>();
  return {
    async admit(route, expected, caller) {
      const settings = Object.hasOwn(options.quotas, route) ? options.quotas[route] : undefined;
      if (!settings) return FREE;
      const quota = open.get(route) ?? opened(options, route, settings);
      open.set(route, quota);
      const amounts = reservedOf(quota, expected, caller);
      const ofClass = PRIORITIES.indexOf(caller.priority ?? 'normal');
      const held = quota.lessor.takeNow({ amounts, class: ofClass });
      const spent = held ?? (await waitInLine(quota, { amounts, class: ofClass, caller }));
      return admission(quota, { spent, caller, tasks: expected.tasks ?? 1 });
    },
    async finish() {
      await Promise.all(Array.from(open.values(), ({ lessor }) => lessor.finish()));
    },
    stop() {
      for (const { lessor } of open.values()) lessor.stop();
    },
  };
}

function opened(
  { worker, ask, prices = UNKNOWN_PRICES, now, clock = STEADY, shortWaitMs = SHORT_WAIT_MS }: GatewayQuotaOptions,
  route: string,
  settings: QuotaSettings,
): Open {
  const { limits, weights, reserve } = settings;
  const lessor = createLessor({
    ...{ worker, limits, clock, shortWaitMs },
    ask: (request) => ask(route, settings, request),
    weightOf: (tenant) => (Object.hasOwn(weights, tenant) ? (weights[tenant] ?? 1) : 1),
    sentAway: (waiter, wait) => sentAway(quota, waiter, wait),
  });
  const reserving = createReserving(route, reserve, prices);
  const quota: Open = {
    ...{ route, settings, lessor, reserving, prices, clock, shortWaitMs },
    time: () => lessor.quotaTime() ?? now(),
  };
  return quota;
}

function sentAway(
  { route, settings, clock, time }: Open,
  { since, goesElsewhere }: Waiter,
  { ms, againMs = ms, by }: LongWait,
): { error: Error; comesBack: boolean } {
  const { patienceMs, limits } = settings;
  const text = describeWait(route, limits, by);
  const already = clock.now() - since;
  if (by !== 'silence' && already + ms > patienceMs) {
    const waitedFor = already < 1_000 ? '' : `, after ${Math.round(already / 1_000)} s`;
    const words = `${text}: it would wait ${Math.round(ms / 1_000)} s${waitedFor}, and patience ends at ${Math.round(patienceMs / 1_000)} s.`;
    return { error: failure('Model.QuotaShed', words), comesBack: false };
  }
  const error = new ModelWaitError(Math.round(time() + againMs), `${text}; ${describeUntil(time(), { ms, againMs })}`);
  return { error, comesBack: goesElsewhere !== true };
}

/** What limits leave for an answer to so large an input. */
function mostOutput({ route, settings: { limits }, prices }: Open, input: number): number {
  const left = limits.windows.map((limit) => {
    const { of, most } = limit;
    if (of === 'output') return most;
    return of === 'tokens' || of === 'usd'
      ? mostOutputWithin([{ ...limit, left: most }], { route, input, prices })
      : Infinity;
  });
  return Math.max(0, Math.min(Infinity, ...left));
}

/** The same answer to no conversation at all. */
const withoutInput = ({ outputCap, tasks }: Expected): Expected => ({
  input: 0,
  ...(outputCap === undefined ? {} : { outputCap }),
  ...(tasks === undefined ? {} : { tasks }),
});

/** @throws ApplicationFailure where no wait would help */
function reservedOf(quota: Open, expected: Expected, caller: Caller): Amounts {
  const { route, settings, reserving } = quota;
  const most = mostOutput(quota, expected.input);
  const amounts = reserving.reserved(expected, caller, most);
  if (!amounts)
    throw failure(
      'Model.BadRequest',
      `the quota of ${route} reserves strictly, and agent ${caller.agent} sets no maxOutputTokens: set it, or reserve: 'learned'.`,
    );
  const unread = (): Amounts => reserving.reserved(withoutInput(expected), caller, most) ?? amounts;
  const refused = neverFits({ route, windows: settings.limits.windows, amounts, unread });
  if (refused) throw refused;
  return amounts;
}

function admission(
  { lessor, reserving }: Open,
  { spent, caller, tasks }: { spent: Spent; caller: Caller; tasks: number },
): Admission {
  let isOpen = true;
  let isRefused = false;
  const end = (change: Amounts): void => {
    if (!isOpen) return;
    isOpen = false;
    lessor.ended(spent, change);
  };
  const but = (taken: Amounts): Amounts => minus(taken, spent.amounts);
  // All else may have counted. Money has not, and in a day's limit it would be missed for a day.
  const ofFailed = (paid: Usage | 'nothing' | undefined): Amounts => {
    if (!paid) return [];
    const usd = paid === 'nothing' ? 0 : reserving.usd(saneUsage(paid, spent.amounts));
    return DIMENSIONS.map((of) => (of === 'usd' ? usd - amountOf(spent.amounts, { of }) : 0));
  };
  return {
    settle(usage, paid) {
      // Refused, it took no tokens; as a request it may have counted.
      if (!usage) return end(isRefused ? but([1]) : ofFailed(paid));
      end(but(reserving.taken(saneUsage(usage, spent.amounts), caller, tasks)));
    },
    release: () => end(but([])),
    told(told) {
      if (told.refused !== undefined) isRefused = true;
      lessor.told(told);
    },
  };
}
